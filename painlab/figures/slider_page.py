"""The HTML of a slider that needs neither a kernel nor a network: for ``string.Template``."""

from string import Template

PAGE = Template("""<figure class="pl-slider" id="$id" aria-label="$alt">
<style>
.pl-slider { margin: 1em 0; max-width: 100%; }
.pl-slider .pl-frame[hidden] { display: none; }
.pl-slider .pl-frame img, .pl-slider .pl-frame svg {
  display: block; max-width: 100%; height: auto; margin: 0;
}
.pl-slider .pl-controls {
  display: flex; flex-wrap: wrap; align-items: center; gap: 0 .75em; margin-top: .5em;
}
.pl-slider input { flex: 1 1 9em; min-width: 9em; height: 1.75em; accent-color: #0072B2; }
.pl-slider button {
  flex: none; width: 2.5em; height: 2.25em; border: 1px solid currentColor; border-radius: .4em;
  background: none; color: inherit; cursor: pointer; line-height: 1;
}
.pl-slider button svg { display: block; margin: auto; width: .8em; height: .8em; }
.pl-slider button path { fill: currentColor; }
.pl-slider .pl-curves { margin-top: .5em; }
.pl-slider .pl-curves svg { display: block; max-width: 100%; height: auto; }
.pl-slider output { flex: none; max-width: 100%; font-variant-numeric: tabular-nums; }
</style>
<div class="pl-stage">$frames</div>$curves
<div class="pl-controls" style="max-width:${width}px">
<button type="button" aria-label="Play"><svg viewBox="0 0 8 8" aria-hidden="true"><path/></svg>
</button>
<input type="range" min="0" max="$last" step="1" value="$start" aria-label="$name"
 aria-valuetext="$label">
<output aria-hidden="true" style="min-width:${label_width}ch">$label</output>
</div>$caption
<script>
(() => {
  const root = document.getElementById("$id");
  const frames = [...root.querySelectorAll(".pl-frame")];
  const range = root.querySelector("input");
  const button = root.querySelector("button");
  const output = root.querySelector("output");
  const icon = button.querySelector("path");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const cursor = root.querySelector(".pl-cursor");
  let timer = null;
  const go = (i) => {
    frames.forEach((frame, n) => { frame.hidden = n !== i; });
    range.value = i;
    if (cursor) { cursor.style.left = frames[i].dataset.cursor; }
    output.textContent = frames[i].dataset.label;
    range.setAttribute("aria-valuetext", frames[i].dataset.label);
  };
  const mark = () => {
    icon.setAttribute("d", timer ? "M1 0h2v8h-2zM5 0h2v8h-2z" : "M1 0L8 4L1 8z");
    button.setAttribute("aria-label", timer ? "Pause" : still.matches ? "Next" : "Play");
  };
  const stop = () => { clearInterval(timer); timer = null; mark(); };
  const next = () => go((Number(range.value) + 1) % frames.length);
  range.addEventListener("input", () => { stop(); go(Number(range.value)); });
  button.addEventListener("click", () => {
    if (timer) { stop(); return; }
    next();
    if (!still.matches) { timer = setInterval(next, $interval); mark(); }
  });
  still.addEventListener("change", stop);
  mark();
  go(Number(range.value));
})();
</script>
</figure>""")
