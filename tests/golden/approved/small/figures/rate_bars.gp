# Rate by length on Example CPU
# Draw again, in this folder: gnuplot rate_bars.gp
set encoding utf8
set terminal svg size 860,408 noenhanced font 'sans-serif,13' background '#ffffff' name 'rate_bars'
set output 'rate_bars.svg'
set datafile separator tab
set border 3 lc rgb '#555555'
set grid xtics ytics lc rgb '#dddddd' lt 1 lw 0.7
set tics nomirror out scale 0.6,0.3
unset key
set xlabel 'sequence length' offset 0,0.4
set multiplot

set object 1 rectangle from screen 0.03953,0.94608 to screen 0.06744,0.97549 fillcolor rgb '#0072b2' fillstyle solid 0.55 border lc rgb '#0072b2'
set label 2 'flash2/cpu_tiled' at screen 0.07558,0.96078 left
set object 2 rectangle from screen 0.51628,0.94608 to screen 0.54419,0.97549 fillcolor rgb '#000000' fillstyle solid 0.85 border lc rgb '#000000'
set label 4 'standard/cpu_naive' at screen 0.55233,0.96078 left

set lmargin at screen 0.11395
set rmargin at screen 0.97442
set tmargin at screen 0.82843
set bmargin at screen 0.15196
set title 'head dim 64, causal' offset 0,-0.4 font ',13'
set xrange [-0.5:3.5]
set yrange [0:328.2938936]
set xtics ('128' 0, '256' 1, '512' 2, '1k' 3)
set ytics ('0' 0, '50' 50, '100' 100, '150' 150, '200' 200, '250' 250)
set label 2005 'rate (GFLOP/s)' at screen 0.01628,0.49020 center rotate by 90
set label 1005 '84.5' at first -0.21, first 85.39539394 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1006 '135' at first 0.79, first 136.649645 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1007 '269' at first 1.79, first 271.6765091 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1008 '169' at first 0.21, first 170.7907879 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1009 '135' at first 1.21, first 136.1030465 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1010 '134' at first 2.21, first 135.8382545 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1011 'failed' at first 3.21, first 0 left rotate by 90 font ',9' textcolor rgb '#333333' offset 0,0.5
set boxwidth 0.42
plot 'rate_bars.tsv' index 0 using ($1+(-0.21)):2 with boxes fillcolor rgb '#0072b2' fillstyle solid 0.55 border lc rgb '#0072b2', \
     'rate_bars.tsv' index 0 using ($1+(-0.21)):3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '#ffffff' lw 3.6, \
     'rate_bars.tsv' index 0 using ($1+(-0.21)):3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '#222222' lw 1.2, \
     'rate_bars.tsv' index 1 using ($1+(0.21)):2 with boxes fillcolor rgb '#000000' fillstyle solid 0.85 border lc rgb '#000000', \
     'rate_bars.tsv' index 1 using ($1+(0.21)):3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '#ffffff' lw 3.6, \
     'rate_bars.tsv' index 1 using ($1+(0.21)):3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '#222222' lw 1.2
unset label

unset multiplot
unset output
