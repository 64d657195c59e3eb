"""The HTML of an explorer that needs neither a kernel nor a network: for ``string.Template``."""

from string import Template

STYLE = """
.pl-explorer { margin: 1em 0; max-width: 100%; }
.pl-explorer .pl-bar { display: flex; flex-wrap: wrap; gap: .5em 2em; margin-bottom: .75em; }
.pl-explorer .pl-bar .pl-control {
  display: flex; flex-wrap: wrap; align-items: center; gap: .25em .75em; min-width: 0;
}
.pl-explorer .pl-both { display: flex; flex-wrap: wrap; gap: 1em; align-items: flex-start; }
.pl-explorer .pl-places { max-width: 100%; }
.pl-explorer .pl-panel {
  display: flex; flex-wrap: wrap; gap: .75em; align-items: flex-start;
  align-content: flex-start; flex: 1 1 16em; min-width: 0;
}
.pl-explorer .pl-part { margin: 0; max-width: 100%; }
.pl-explorer .pl-part svg { display: block; max-width: 100%; height: auto; }
.pl-explorer .pl-layers { position: relative; background-size: 100% 100%; }
.pl-explorer .pl-layers img {
  display: block; width: 100%; height: auto; margin: 0; border-radius: 0;
}
.pl-explorer .pl-mark {
  position: absolute; box-sizing: border-box; outline: 2px solid #fff; border: 1px solid #000;
  box-shadow: 0 0 0 3px #000; pointer-events: none;
}
.pl-explorer [role=grid] {
  position: absolute; inset: 0; display: grid; grid-auto-rows: 1fr; touch-action: manipulation;
}
.pl-explorer [role=row] { display: grid; grid-template-columns: repeat(var(--pl-cols), 1fr); }
.pl-explorer [role=gridcell] { position: relative; cursor: pointer; outline: none; }
.pl-explorer [role=gridcell]:hover { box-shadow: inset 0 0 0 1px #000, inset 0 0 0 2px #fff; }
.pl-explorer [role=gridcell][aria-selected=true] {
  z-index: 1; box-shadow: 0 0 0 1px #000, 0 0 0 3px #fff, 0 0 0 4px #000;
}
.pl-explorer [role=gridcell]:focus-visible {
  z-index: 2; box-shadow: 0 0 0 1px #000, 0 0 0 3px #F0E442, 0 0 0 5px #000;
}
.pl-explorer input[type=range] {
  width: 12em; max-width: 100%; height: 1.75em; accent-color: #0072B2;
}
.pl-explorer output { font-variant-numeric: tabular-nums; }
.pl-explorer select {
  height: 2.25em; padding: 0 .5em; border: 1px solid currentColor; border-radius: .4em;
  background: Canvas; color: CanvasText; font: inherit;
}
.pl-explorer .pl-buttons { display: inline-flex; flex-wrap: wrap; }
.pl-explorer .pl-buttons label { display: block; position: relative; margin: 0 0 0 -1px; }
.pl-explorer .pl-buttons input {
  position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer;
}
.pl-explorer .pl-buttons span {
  display: block; min-width: 2.25em; padding: .3em .75em; border: 1px solid currentColor;
  text-align: center; line-height: 1.4;
}
.pl-explorer .pl-buttons input:checked + span {
  background: #0072B2; border-color: #0072B2; color: #fff;
}
.pl-explorer .pl-buttons input:focus-visible + span { outline: 3px solid #E69F00; z-index: 1; }
.pl-explorer table.pl-part { border-collapse: collapse; width: auto; font-size: .9em; }
.pl-explorer .pl-part :is(td, th) { padding: .2em .7em; text-align: right; border: 0; }
.pl-explorer .pl-part th[scope=row] { text-align: left; font-weight: inherit; }
.pl-explorer .pl-part tr { background: none; border: 0; border-bottom: 1px solid #8886; }
.pl-explorer .pl-part tr.pl-strong :is(td, th) { font-weight: bold; }
.pl-explorer .pl-part caption { caption-side: top; text-align: left; color: inherit; }
.pl-explorer .pl-title { font-size: .9em; line-height: 1.4; margin-top: .25em; }
.pl-explorer .pl-answer { margin: .75em 0 0; min-height: 3em; }
"""

PAGE = Template("""<figure class="pl-explorer" id="$id" aria-label="$alt">
<style>$style</style>
<div class="pl-bar">$choices</div>
<div class="pl-both">$places<div class="pl-panel">$panel</div></div>
<p class="pl-answer" aria-live="polite">$answer</p>$caption
<script type="application/json">$store</script>
<script>
(() => {
  const root = document.getElementById("$id");
  const store = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const panel = root.querySelector(".pl-panel");
  const answer = root.querySelector(".pl-answer");
  const chosen = [...store.start];
  // only what differs is changed, so that nothing flickers
  const settle = (old, now) => {
    const kids = [...old.childNodes], fresh = [...now.childNodes];
    if (old.nodeName !== now.nodeName || old.nodeName === "svg") { old.replaceWith(now); return; }
    if (old.nodeType !== Node.ELEMENT_NODE) { old.data = now.data; return; }
    for (const { name } of [...old.attributes]) {
      if (!now.hasAttribute(name)) { old.removeAttribute(name); }
    }
    for (const { name, value } of now.attributes) {
      if (old.getAttribute(name) !== value) { old.setAttribute(name, value); }
    }
    if (kids.length !== fresh.length) { old.replaceChildren(...fresh); return; }
    kids.forEach((kid, i) => settle(kid, fresh[i]));
  };
  const show = (where) => {
    const number = where.reduce((sum, option, i) => sum * store.sizes[i] + option, 0);
    const pieces = store.panels[store.at[number]].map((i) => store.pieces[i]);
    const words = pieces.pop();
    const now = panel.cloneNode(false);
    now.innerHTML = pieces.join("");
    settle(panel, now);
    if (answer.textContent !== words) { answer.textContent = words; }
  };
  const choose = (control, option) => { chosen[control] = option; show(chosen); };
  const slider = (range, output, number) => {
    const go = () => {
      const label = store.labels[number][range.value];
      output.textContent = label;
      range.setAttribute("aria-valuetext", label);
      choose(number, Number(range.value));
    };
    range.addEventListener("input", go);
    return go;
  };
  const places = (grid, output, number) => {
    const cells = [...grid.querySelectorAll("[role=gridcell]")];
    const cols = Number(grid.dataset.cols);
    const look = (place) => {
      output.textContent = store.labels[number][place];
      show(chosen.map((option, i) => (i === number ? place : option)));
    };
    const keep = (place, focus) => {
      cells.forEach((cell, i) => {
        cell.setAttribute("aria-selected", i === place);
        cell.tabIndex = i === place ? 0 : -1;
      });
      chosen[number] = place;
      look(place);
      if (focus) { cells[place].focus({ preventScroll: true }); }
    };
    grid.addEventListener("pointerover", (event) => {
      const place = cells.indexOf(event.target);
      if (event.pointerType === "mouse" && place >= 0) { look(place); }
    });
    grid.addEventListener("pointerleave", () => look(chosen[number]));
    grid.addEventListener("click", (event) => {
      const place = cells.indexOf(event.target);
      if (place >= 0) { keep(place, true); }
    });
    grid.addEventListener("keydown", (event) => {
      const at = chosen[number], column = at % cols;
      const to = {
        ArrowLeft: column > 0 ? at - 1 : at,
        ArrowRight: column < cols - 1 ? at + 1 : at,
        ArrowUp: at - cols,
        ArrowDown: at + cols,
        Home: at - column,
        End: at - column + cols - 1,
      }[event.key];
      if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) { return; }
      event.preventDefault();
      if (cells[to]) { keep(to, true); }
    });
    return () => keep(chosen[number], false);
  };
  for (const part of root.querySelectorAll("[data-control]")) {
    const number = Number(part.dataset.control);
    const output = part.querySelector("output");
    const range = part.querySelector("input[type=range]");
    const grid = part.querySelector("[role=grid]");
    if (range) { slider(range, output, number)(); }
    else if (grid) { places(grid, output, number)(); }
    else {
      const now = part.querySelector("select") || part.querySelector("input:checked");
      choose(number, Number(now.value)); // what the browser remembered
      part.addEventListener("change", (event) => choose(number, Number(event.target.value)));
    }
  }
})();
</script>
</figure>""")
