# KV cache a token, by model
# Draw again, in this folder: gnuplot kv_cache_by_model.gp
set encoding utf8
set terminal svg size 860,408 noenhanced font 'sans-serif,13' background '#ffffff' name 'kv_cache_by_model'
set output 'kv_cache_by_model.svg'
set datafile separator tab
set border 3 lc rgb '#555555'
set grid xtics ytics lc rgb '#dddddd' lt 1 lw 0.7
set tics nomirror out scale 0.6,0.3
unset key
set xlabel '' offset 0,0.4
set multiplot

set object 1 rectangle from screen 0.03953,0.94608 to screen 0.06744,0.97549 fillcolor rgb '#0072b2' fillstyle solid 0.85 border lc rgb '#0072b2'
set label 2 'as it is' at screen 0.07558,0.96078 left
set object 2 rectangle from screen 0.51628,0.94608 to screen 0.54419,0.97549 fillcolor rgb '#777777' fillstyle solid 0.85 border lc rgb '#777777'
set label 4 'as MHA' at screen 0.55233,0.96078 left

set lmargin at screen 0.11395
set rmargin at screen 0.97442
set tmargin at screen 0.82843
set bmargin at screen 0.15196
set title '' offset 0,-0.4 font ',13'
set xrange [-0.5:0.5]
set yrange [0:618.7008]
set xtics ('llama3-8b' 0)
set ytics ('0' 0, '100' 100, '200' 200, '300' 300, '400' 400, '500' 500)
set label 2005 'KV cache a token (KiB)' at screen 0.01628,0.49020 center rotate by 90
set label 1005 '128' at first -0.21, first 128 center font ',9' textcolor rgb '#333333' offset 0,0.8
set label 1006 '512' at first 0.21, first 512 center font ',9' textcolor rgb '#333333' offset 0,0.8
set boxwidth 0.42
plot 'kv_cache_by_model.tsv' index 0 using ($1+(-0.21)):2 with boxes fillcolor rgb '#0072b2' fillstyle solid 0.85 border lc rgb '#0072b2', \
     'kv_cache_by_model.tsv' index 1 using ($1+(0.21)):2 with boxes fillcolor rgb '#777777' fillstyle solid 0.85 border lc rgb '#777777'
unset label

unset multiplot
unset output
