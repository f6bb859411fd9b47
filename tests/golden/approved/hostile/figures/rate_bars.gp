# Rate by length on unknown processor
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

set object 1 rectangle from screen 0.03953,0.94608 to screen 0.06744,0.97549 fillcolor rgb '#0072b2' fillstyle solid 0.85 border lc rgb '#0072b2'
set label 2 'comma,"q"/a\b' at screen 0.07558,0.96078 left
set object 2 rectangle from screen 0.51628,0.94608 to screen 0.54419,0.97549 fillcolor rgb '#cc79a7' fillstyle solid 0.3 border lc rgb '#cc79a7'
set label 4 'it''s/<b>|_*`$(x)' at screen 0.55233,0.96078 left

set lmargin at screen 0.11395
set rmargin at screen 0.97442
set tmargin at screen 0.82843
set bmargin at screen 0.15196
set title 'head dim 64, not causal' offset 0,-0.4 font ',13'
set xrange [-0.5:1.5]
set yrange [0:159.9872776]
set xtics ('128' 0, '256' 1)
set ytics ('0' 0, '20' 20, '40' 40, '60' 60, '80' 80, '100' 100, '120' 120, '140' 140)
set label 2005 'rate (GFLOP/s)' at screen 0.01628,0.49020 center rotate by 90
set label 1005 '32.8' at first -0.21, first 33.0989899 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1006 '65.5' at first 0.79, first 66.1979798 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1007 '65.5' at first 0.21, first 66.1979798 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1008 '131' at first 1.21, first 132.3959596 center font ',9' textcolor rgb '#333333' offset 0,0.8
set boxwidth 0.42
plot 'rate_bars.tsv' index 0 using ($1+(-0.21)):2 with boxes fillcolor rgb '#0072b2' fillstyle solid 0.85 border lc rgb '#0072b2', \
     'rate_bars.tsv' index 0 using ($1+(-0.21)):3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '#ffffff' lw 3.6, \
     'rate_bars.tsv' index 0 using ($1+(-0.21)):3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '#222222' lw 1.2, \
     'rate_bars.tsv' index 1 using ($1+(0.21)):2 with boxes fillcolor rgb '#cc79a7' fillstyle solid 0.3 border lc rgb '#cc79a7', \
     'rate_bars.tsv' index 1 using ($1+(0.21)):3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '#ffffff' lw 3.6, \
     'rate_bars.tsv' index 1 using ($1+(0.21)):3:(0):($4-$3) with vectors heads size screen 0.003,90 lc rgb '#222222' lw 1.2
unset label

unset multiplot
unset output
