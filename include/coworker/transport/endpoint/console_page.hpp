#pragma once
// The console's page and its style sheet, as a browser gets them. Must not know what serves them.

#include <string_view>

namespace coworker::inline v0_1::detail {

inline constexpr char console_page[] = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>coworker</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console.css">
<header>
<h1>coworker</h1>
<p id="state" role="status">connecting</p>
<nav><a href="/docs">docs</a> <a href="/openapi.json">openapi</a> <a href="/metrics">metrics</a></nav>
</header>
<form id="gate" hidden>
<label>Token <input id="token" type="password" autocomplete="off"></label> <button>Use it</button>
</form>
<main>
<section id="order" aria-label="New job">
<h2>New job</h2>
<form id="run">
<div id="fields"></div>
<label id="raw-label">Input, as JSON <textarea id="raw" rows="8" spellcheck="false">{}</textarea></label>
<p id="problem" role="alert"></p>
<p class="row"><button id="one" type="submit">Run</button>
<button id="many" type="button">Run &times; N</button>
<label>N <input id="count" type="number" value="20" min="1" max="10000"></label>
<label>a second <input id="rate" type="number" value="10" min="0.1" max="1000" step="any"></label>
<button id="toggle" type="button" hidden>as JSON</button></p>
</form>
</section>
<section id="curves" aria-label="Measured"></section>
<section id="list" aria-label="Jobs">
<h2>Jobs <button id="purge" type="button">Cancel all that wait</button></h2>
<ol id="jobs"></ol>
<p id="none">No job yet.</p>
</section>
</main>
<script src="/console.js"></script>
</html>
)html";

inline constexpr char console_style[] = R"css(:root {
  color-scheme: light dark;
  --ground: #f7f7f5; --card: #fff; --ink: #1d1f21; --soft: #62676c; --edge: #d9dbdd; --first: #1667b7; --second: #c05a00;
  --good: #16734a; --bad: #b3261e; --busy: #1667b7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #16181a; --card: #1f2225; --ink: #e8e9ea; --soft: #9aa1a8; --edge: #373c41; --first: #6cb2f5;
    --second: #f2a45c; --good: #63c795; --bad: #f2827a; --busy: #6cb2f5;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header { display: flex; gap: 1rem; align-items: baseline; padding: .8rem 1rem; flex-wrap: wrap; }
h1 { font-size: 1.15rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .6rem; display: flex; justify-content: space-between; align-items: center; }
header p { margin: 0; color: var(--soft); flex: 1; }
a { color: var(--first); }
main { display: grid; gap: 1rem; padding: 0 1rem 1rem; grid-template-columns: minmax(16rem, 24rem) 1fr; }
#list { grid-column: 1 / -1; }
#purge { font-weight: 400; font-size: .85rem; }
section, #gate { background: var(--card); border: 1px solid var(--edge); border-radius: .5rem; padding: .9rem; min-width: 0; }
#gate { margin: 0 1rem 1rem; }
#curves { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); align-content: start; }
figure { margin: 0; }
figcaption { font-size: .85rem; color: var(--soft); display: flex; justify-content: space-between; gap: .5rem; }
figcaption b { font-weight: 600; color: var(--ink); }
figcaption * { white-space: nowrap; }
figcaption .first { color: var(--first); }
figcaption .second { color: var(--second); }
canvas { width: 100%; height: 5.5rem; display: block; }
label { display: block; font-size: .85rem; color: var(--soft); margin-bottom: .5rem; }
input, textarea, select, button { font: inherit; color: inherit; border: 1px solid var(--edge); border-radius: .35rem;
  background: var(--ground); padding: .35rem .5rem; }
label > input:not([type=checkbox]), textarea, select { display: block; width: 100%; }
textarea { font-family: ui-monospace, monospace; font-size: .85rem; resize: vertical; }
button { cursor: pointer; }
button[type=submit] { background: var(--first); color: var(--card); border-color: var(--first); font-weight: 600; }
:focus-visible { outline: 2px solid var(--first); outline-offset: 1px; }
.row { display: flex; gap: .5rem; align-items: end; flex-wrap: wrap; margin: .4rem 0 0; }
.row label { width: 5.2rem; margin: 0; }
#problem { color: var(--bad); margin: .2rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
ol { list-style: none; margin: 0; padding: 0; }
li { border-top: 1px solid var(--edge); padding: .35rem 0; }
details > summary { display: grid; grid-template-columns: 8.5rem 5.5rem 1fr auto; gap: .6rem; align-items: center;
  cursor: pointer; }
summary span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
summary .what { color: var(--soft); font-family: ui-monospace, monospace; font-size: .85rem; }
.status { font-weight: 600; font-size: .85rem; }
.COMPLETED { color: var(--good); } .FAILED, .TIMED_OUT { color: var(--bad); } .IN_PROGRESS { color: var(--busy); }
.CANCELLED, .IN_QUEUE { color: var(--soft); }
pre { margin: .3rem 0; padding: .5rem; background: var(--ground); border-radius: .35rem; max-height: 16rem; overflow: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .82rem; }
h3 { font-size: .8rem; color: var(--soft); margin: .4rem 0 0; }
[hidden] { display: none; }
@media (max-width: 46rem) {
  main { grid-template-columns: 1fr; }
  details > summary { grid-template-columns: 7.5rem 4.5rem 1fr; }
  summary .what { grid-column: 1 / -1; order: 5; }
}
)css";

}  // namespace coworker::inline v0_1::detail
