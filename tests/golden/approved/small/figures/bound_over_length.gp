# Largest error over its bound, over length
# Draw again, in this folder: gnuplot bound_over_length.gp
set encoding utf8
set terminal svg size 860,408 noenhanced font 'sans-serif,13' background '#ffffff' name 'bound_over_length'
set output 'bound_over_length.svg'
set datafile separator tab
set border 3 lc rgb '#555555'
set grid xtics ytics lc rgb '#dddddd' lt 1 lw 0.7
set tics nomirror out scale 0.6,0.3
unset key
set logscale x 2
set logscale y 10
set xlabel 'sequence length' offset 0,0.4
set multiplot

set arrow 1 from screen 0.02791,0.96078 to screen 0.02791,0.96078 nohead lc rgb '#ffffff' dt 1 lw 0.1
set arrow 2 from screen 0.02791,0.96078 to screen 0.06744,0.96078 nohead lc rgb '#0072b2' dt 1 lw 1.8
set label 1 '' at screen 0.04767,0.96078 point lc rgb '#0072b2' pt 5 ps 0.8
set label 2 'flash2/cpu_tiled' at screen 0.07558,0.96078 left
set arrow 3 from screen 0.34574,0.96078 to screen 0.34574,0.96078 nohead lc rgb '#ffffff' dt 1 lw 0.1
set arrow 4 from screen 0.34574,0.96078 to screen 0.38527,0.96078 nohead lc rgb '#000000' dt 1 lw 1.8
set label 3 '' at screen 0.36550,0.96078 point lc rgb '#000000' pt 7 ps 0.8
set label 4 'standard/cpu_naive' at screen 0.39341,0.96078 left
set arrow 5 from screen 0.66357,0.96078 to screen 0.66357,0.96078 nohead lc rgb '#ffffff' dt 1 lw 0.1
set arrow 6 from screen 0.66357,0.96078 to screen 0.70310,0.96078 nohead lc rgb '#777777' dt 1 lw 1.8
set label 6 'the limit' at screen 0.71124,0.96078 left

set lmargin at screen 0.11395
set rmargin at screen 0.97442
set tmargin at screen 0.82843
set bmargin at screen 0.15196
set title 'f32, inputs normal' offset 0,-0.4 font ',13'
set xrange [115.3600592:568.0995697]
set yrange [0.04529010668:1.148153621]
set xtics ('128' 128, '256' 256, '512' 512)
set ytics ('0.05' 0.05, '0.1' 0.1, '0.2' 0.2, '0.5' 0.5, '1' 1)
set label 2007 'error / bound (1 is the limit)' at screen 0.01628,0.49020 center rotate by 90
plot 'bound_over_length.tsv' index 0 using 1:2 with linespoints lc rgb '#0072b2' dt 1 lw 1.8 pt 5 ps 0.8, \
     'bound_over_length.tsv' index 1 using 1:2 with linespoints lc rgb '#000000' dt 1 lw 1.8 pt 7 ps 0.8, \
     'bound_over_length.tsv' index 2 using 1:2 with lines lc rgb '#777777' dt 1 lw 1.8
unset label

unset multiplot
unset output
