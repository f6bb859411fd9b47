#include "reports/html_style.hpp"

namespace attest::reports {

std::string_view html_style() {
  return R"css(
:root {
  color-scheme: light dark;
  --page: #fbfbf9; --ink: #1d1f21; --soft: #5c6166; --line: #dcdcd6; --band: #f2f2ee; --link: #0b5394;
  --good: #0b6b3a; --good-band: #e3f3e9; --bad: #a4161a; --bad-band: #fbe6e6;
  --warning: #7a4a00; --warning-band: #fbf0dc; --neutral: #4a4f55; --neutral-band: #ebebe7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #17191b; --ink: #e4e4e0; --soft: #a0a5aa; --line: #363a3e; --band: #1f2225; --link: #8ab8ea;
    --good: #7fd6a3; --good-band: #14321f; --bad: #f59a9a; --bad-band: #401a1b;
    --warning: #ecbf77; --warning-band: #3a2a10; --neutral: #b9bec4; --neutral-band: #2a2d31;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 3.5rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
}
main, header { max-width: 78rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.25rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.35rem; margin: 3rem 0 .75rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.9rem 0 .35rem; }
p { margin: .4rem 0 .8rem; max-width: 50rem; }
.subtitle, .note, figcaption { color: var(--soft); }
.note, figcaption { font-size: .9rem; max-width: 54rem; }
a { color: var(--link); }
nav { position: sticky; top: 0; z-index: 2; background: var(--page); border-bottom: 1px solid var(--line); margin-top: 1.4rem; }
nav ul {
  display: flex; flex-wrap: wrap; gap: .1rem 1.3rem; list-style: none; max-width: 78rem; margin: 0 auto; padding: .6rem 1.25rem;
  white-space: nowrap; font-size: .92rem;
}
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
.headline { font-size: 1.1rem; font-weight: 600; padding: .7rem 1rem; border-left: 4px solid; border-radius: 3px; margin: 1.2rem 0 1rem; }
.badge { display: inline-block; padding: .05rem .55rem; border-radius: 1rem; font-size: .86em; white-space: nowrap; }
.good { color: var(--good); background: var(--good-band); border-color: var(--good); }
.bad { color: var(--bad); background: var(--bad-band); border-color: var(--bad); }
.warning { color: var(--warning); background: var(--warning-band); border-color: var(--warning); }
.neutral { color: var(--neutral); background: var(--neutral-band); border-color: var(--neutral); }
.verdicts { display: flex; flex-wrap: wrap; gap: .6rem; padding: 0; margin: 0 0 1.2rem; list-style: none; }
.verdicts li { border-radius: 6px; padding: .45rem .95rem; }
.verdicts b { font-size: 1.25rem; margin-right: .35rem; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.4rem; margin: .6rem 0 1.2rem; font-size: .94rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.claim { font-weight: 600; margin: .3rem 0; }
.scroll { overflow-x: auto; margin: .5rem 0 1.4rem; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; line-height: 1.4; }
th, td { padding: .34rem .8rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; background: var(--band); border-bottom-width: 2px; vertical-align: bottom; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover td { background: var(--band); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.number { white-space: normal; }
code { font-family: ui-monospace, "SF Mono", Consolas, "DejaVu Sans Mono", monospace; font-size: .92em; white-space: nowrap; }
.missing { color: var(--soft); font-style: italic; }
figure { margin: .6rem 0 1.8rem; }
.drawing { background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: .4rem; overflow-x: auto; }
.drawing svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { margin-top: .4rem; }
details { border: 1px solid var(--line); border-radius: 6px; padding: .1rem .9rem; margin: 1rem 0; }
details .scroll { border: 0; margin: .4rem -.9rem; }
summary { cursor: pointer; font-weight: 600; padding: .45rem 0; }
footer { max-width: 78rem; margin: 3rem auto 2rem; padding: 1rem 1.25rem 0; color: var(--soft); font-size: .88rem; }
@media (max-width: 40rem) {
  body { font-size: 15px; }
  nav ul { flex-wrap: nowrap; overflow-x: auto; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  .drawing svg { max-width: none; }
  td code { white-space: normal; }
  th, td { padding: .3rem .5rem; }
}
@media print {
  :root {
    --page: #fff; --ink: #000; --soft: #333; --line: #bbb; --band: #f4f4f4; --link: #000;
    --good: #0b6b3a; --good-band: #fff; --bad: #a4161a; --bad-band: #fff;
    --warning: #7a4a00; --warning-band: #fff; --neutral: #333; --neutral-band: #fff;
  }
  body { font-size: 10.5pt; }
  nav { display: none; }
  .scroll, .drawing { overflow: visible; border: 0; }
  table { font-size: 8.5pt; }
  code { white-space: normal; overflow-wrap: anywhere; }
  figure, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
)css";
}

}  // namespace attest::reports
