# Error against time, problem by problem
# Draw again, in this folder: gnuplot error_over_time.gp
set encoding utf8
set terminal svg size 860,408 noenhanced font 'sans-serif,13' background '#ffffff' name 'error_over_time'
set output 'error_over_time.svg'
set datafile separator tab
set border 3 lc rgb '#555555'
set grid xtics ytics lc rgb '#dddddd' lt 1 lw 0.7
set tics nomirror out scale 0.6,0.3
unset key
set logscale x 10
set logscale y 10
set xlabel 'time (median)' offset 0,0.4
set multiplot

set label 1 '' at screen 0.04767,0.96078 point lc rgb '#0072b2' pt 5 ps 0.8
set label 2 'flash2/cpu_tiled' at screen 0.07558,0.96078 left
set label 3 '' at screen 0.52442,0.96078 point lc rgb '#000000' pt 7 ps 0.8
set label 4 'standard/cpu_naive' at screen 0.55233,0.96078 left

set lmargin at screen 0.11395
set rmargin at screen 0.97442
set tmargin at screen 0.82843
set bmargin at screen 0.15196
set title 'b1 hq8 sq512 d64 f32 causal' offset 0,-0.4 font ',13'
set xrange [0.0003895067586:0.005134699093]
set yrange [6.383457917e-09:8.415036415e-08]
set xtics ('500 µs' 0.0005, '1 ms' 0.001, '2 ms' 0.002, '5 ms' 0.005)
set ytics ('1e-08' 1e-08, '2e-08' 2e-08, '5e-08' 5e-08)
set label 2005 'RMSE' at screen 0.01628,0.49020 center rotate by 90
plot 'error_over_time.tsv' index 0 using 1:2 with points lc rgb '#0072b2' dt 1 lw 1.8 pt 5 ps 0.8, \
     'error_over_time.tsv' index 1 using 1:2 with points lc rgb '#000000' dt 1 lw 1.8 pt 7 ps 0.8
unset label

unset multiplot
unset output
