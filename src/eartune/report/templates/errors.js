"use strict";
// The table of errors: reads the data of the page, filters it, and shows fifty rows at a time.
(() => {
  const PAGE = 50;
  const data = JSON.parse(document.getElementById("error-data").textContent);
  const at = (id) => document.getElementById(id);
  const wrong = data.answers.map((list) => new Map(list.map(([row, kinds, parts, sure, text]) => [row, { kinds, parts, sure, text }])));
  const searchable = data.rows.map((row, place) =>
    [row[0], row[1], row[3] || "", ...row[2].map(partText), ...wrong.flatMap((own) => {
      const answer = own.get(place);
      return answer && answer.parts ? answer.parts.map(partText) : [];
    })].join(" ").toLowerCase());
  const chosenKinds = new Set();
  let page = 0;
  let playing = null;

  function partText(place) {
    const [name, value] = data.parts[place];
    return name + " " + value;
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function fillChoices() {
    for (const [id, chosen] of [["model-a", data.first], ["model-b", data.second]]) {
      data.models.forEach((model, place) => {
        const choice = element("option", "", `${model} (${wrong[place].size} wrong)`);
        choice.value = place;
        choice.selected = place === chosen;
        at(id).append(choice);
      });
    }
    for (const name of [...new Set(data.parts.map(([name]) => name))].sort()) {
      at("part-name").append(element("option", "", name));
    }
    data.kinds.forEach((kind, place) => {
      const label = element("label");
      const box = element("input");
      box.type = "checkbox";
      box.addEventListener("change", () => {
        if (box.checked) chosenKinds.add(place);
        else chosenKinds.delete(place);
        show(0);
      });
      label.append(box, element("span", "", kind));
      at("kinds").append(label);
    });
  }

  // The answer by which a row is judged: that of A, or of B if it is the one that broke it.
  function judged(row, a, b, which) {
    const first = wrong[a].get(row), second = wrong[b].get(row);
    if (which === "a") return first;
    if (which === "fixed") return first && !second ? first : null;
    if (which === "broken") return second && !first ? second : null;
    return first && second ? first : null;
  }

  function differing(row, answer) {
    const right = data.rows[row][2];
    const said = answer.parts || [];
    return [...without(right, said), ...without(said, right)].map((place) => data.parts[place][0]);
  }

  // The members of one list that are left when those of the other are taken away, one for one.
  function without(list, other) {
    const left = [...other];
    return list.filter((place) => {
      const found = left.indexOf(place);
      if (found >= 0) left.splice(found, 1);
      return found < 0;
    });
  }

  function matching() {
    const a = Number(at("model-a").value), b = Number(at("model-b").value), which = at("which").value;
    const words = at("search").value.toLowerCase(), name = at("part-name").value;
    const found = [], counts = data.kinds.map(() => 0);
    data.rows.forEach((_, row) => {
      const answer = judged(row, a, b, which);
      if (!answer) return;
      if (words && !searchable[row].includes(words)) return;
      if (name && !differing(row, answer).includes(name)) return;
      answer.kinds.forEach((kind) => { counts[kind] += 1; });
      if (chosenKinds.size && !answer.kinds.some((kind) => chosenKinds.has(kind))) return;
      found.push([row, answer]);
    });
    [...at("kinds").querySelectorAll("span")].forEach((label, kind) => {
      label.textContent = `${data.kinds[kind]} (${counts[kind]})`;
    });
    return found;
  }

  function chips(places, marked, look) {
    const all = document.createDocumentFragment();
    const left = [...marked];
    for (const place of places) {
      const found = left.indexOf(place);
      if (found >= 0) left.splice(found, 1);
      const [name, value] = data.parts[place];
      const chip = element("span", found >= 0 ? `part ${look}` : "part");
      chip.append(element("b", "", `${name}: `), value);
      all.append(chip, " ");
    }
    return all;
  }

  function answerCell(row, answer) {
    const cell = element("td");
    if (!answer) cell.textContent = "right";
    else if (!answer.parts) cell.append(element("span", "bad", "not parsed"), element("small", "", answer.text));
    else cell.append(chips(answer.parts, without(answer.parts, data.rows[row][2]), "extra"));
    if (answer && answer.sure !== null) cell.append(element("small", "", `${answer.sure} % sure`));
    return cell;
  }

  function player(row) {
    const [id, words, , , source] = data.rows[row];
    const cell = element("td", "say");
    if (!source) return cell;
    const button = element("button", "", "\u25b6");
    button.type = "button";
    button.setAttribute("aria-label", `play ${words || id}`);
    button.addEventListener("click", () => {
      const again = playing && playing.button === button;
      if (playing) stop();
      if (again) return;
      const sound = new Audio(source);
      playing = { button, sound };
      button.textContent = "\u25a0";
      sound.addEventListener("ended", stop);
      sound.addEventListener("error", () => { stop(); button.textContent = "?"; button.title = "cannot be played"; });
      sound.play().catch(() => {});
    });
    cell.append(button);
    return cell;
  }

  function stop() {
    if (!playing) return;
    playing.sound.pause();
    playing.button.textContent = "\u25b6";
    playing = null;
  }

  function rowElement([row, answer]) {
    const [id, words, right, heard] = data.rows[row];
    const line = element("tr");
    const sentence = element("td", "", words || id);
    if (heard !== null) sentence.append(element("small", "", `heard: ${heard}`));
    const wanted = element("td");
    wanted.append(chips(right, answer.parts ? without(right, answer.parts) : right, "lost"));
    const a = wrong[Number(at("model-a").value)].get(row), b = wrong[Number(at("model-b").value)].get(row);
    const kinds = element("td", "", answer.kinds.map((kind) => data.kinds[kind]).join(", "));
    const cells = [player(row), sentence, wanted, answerCell(row, a), answerCell(row, b), kinds];
    const labels = ["", "", "right", at("head-a").textContent, at("head-b").textContent, "kinds"];
    cells.forEach((cell, place) => { if (labels[place]) cell.dataset.label = labels[place]; });
    line.append(...cells);
    return line;
  }

  function show(number) {
    stop();
    const found = matching();
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    page = Math.min(Math.max(0, number), last);
    const shown = found.slice(page * PAGE, (page + 1) * PAGE);
    at("head-a").textContent = data.models[Number(at("model-a").value)];
    at("head-b").textContent = data.models[Number(at("model-b").value)];
    at("error-rows").replaceChildren(...shown.map(rowElement));
    at("error-count").textContent = `${found.length} of ${data.tested} test recordings`;
    at("page-number").textContent = `page ${page + 1} of ${last + 1}`;
    at("previous").disabled = page === 0;
    at("next").disabled = page === last;
  }

  fillChoices();
  for (const id of ["model-a", "model-b", "which", "part-name"]) at(id).addEventListener("change", () => show(0));
  at("search").addEventListener("input", () => show(0));
  at("error-filters").addEventListener("submit", (event) => event.preventDefault());
  at("previous").addEventListener("click", () => show(page - 1));
  at("next").addEventListener("click", () => show(page + 1));
  show(0);
})();
