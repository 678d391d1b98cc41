// Sends the chosen files one by one and shows how far each is. All text of files and answers is set as text, not HTML.
"use strict";

const form = document.getElementById("drop");
const chooser = document.getElementById("files");
const rows = document.getElementById("rows");
const WORDS = { queued: "waiting", reading: "reading", judging: "judging", done: "done", failed: "failed" };
const POLL_MS = 400;
const RETRY_MS = 5000;
const waiting = [];
let sending = false;

function add(kind, parent, name, text = "") {
  const node = parent.appendChild(document.createElement(kind));
  node.className = name;
  node.textContent = text;
  return node;
}

function addRow(file) {
  document.getElementById("results").hidden = false;
  const item = add("li", rows, "row");
  const row = { item, file, name: add("span", item, "name", file.name), state: add("span", item, "state", "waiting to be sent") };
  row.bar = add("progress", item, "bar");
  row.bar.max = 100;
  row.bar.value = 0;
  row.bar.setAttribute("aria-label", `Progress of ${file.name}`);
  row.words = add("p", item, "words");
  return row;
}

function announce(text) {
  document.getElementById("news").textContent = text;
}

function end(row, state, words, bad) {
  row.state.textContent = state;
  row.bar.remove();
  row.words.textContent = words;
  row.words.classList.toggle("bad", bad);
  row.item.dataset.state = bad ? "failed" : "done";
  announce(`${row.file.name}: ${words}`);
}

function read(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return {};
  }
}

// XMLHttpRequest, because fetch does not tell how much of a body was sent.
function send(row) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest(), body = new FormData();
    body.append("files", row.file);
    request.open("POST", "/api/verdicts");
    request.upload.addEventListener("progress", (event) => {
      const percent = Math.floor((100 * event.loaded) / event.total);
      row.bar.value = percent;
      row.state.textContent = `sending ${percent} %`;
    });
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => resolve(null));
    request.send(body);
  });
}

async function sendAll() {
  if (sending) return;
  sending = true;
  while (waiting.length) {
    const row = waiting[0], request = await send(row), answer = request && read(request);
    if (request && request.status === 503) {
      row.state.textContent = "the queue is full, trying again";
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      continue;
    }
    waiting.shift();
    if (request && request.status === 202) {
      follow(row, answer.verdicts[0].id);
    } else {
      end(row, "refused", describe(row, answer, request), true);
    }
  }
  sending = false;
}

function describe(row, answer, request) {
  if (!request) return "The service does not answer, or the file is too large.";
  if (request.status === 401) return "Please log in again (reload this page).";
  const problem = (answer.error || `refused (${request.status})`).replace(`${row.file.name}: `, "");
  return [problem, answer.hint].filter(Boolean).join(". ");
}

async function follow(row, id) {
  row.bar.value = 0;
  for (;;) {
    let answer, reply;
    try {
      reply = await fetch(`/api/verdicts/${id}`);
      answer = await reply.json();
    } catch {
      end(row, "lost", "The service does not answer any more.", true);
      return;
    }
    if (!reply.ok) {
      end(row, "lost", answer.error || "The verdict is gone.", true);
      return;
    }
    row.state.textContent = answer.state === "queued" && answer.before ? `waiting, ${answer.before} before it` : WORDS[answer.state];
    row.item.dataset.state = answer.state;
    if (answer.state !== "queued") row.bar.removeAttribute("value"); // moving: nobody knows how long a file takes
    if (answer.state === "done" || answer.state === "failed") {
      end(row, WORDS[answer.state], answer.words || answer.error, answer.state === "failed");
      if (answer.state === "done") addLinks(row, id, answer);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function addLinks(row, id, answer) {
  if (answer.verdict.score !== null) row.item.dataset.score = answer.verdict.score;
  const links = add("div", row.item, "links");
  const link = add("a", links, "page", "Whole verdict");
  link.href = `/api/verdicts/${id}/page`;
  link.target = "_blank";
  link.setAttribute("aria-label", `Whole verdict on ${row.file.name}`);
  const forget = add("button", links, "forget", "Forget");
  forget.type = "button";
  forget.setAttribute("aria-label", `Forget the verdict on ${row.file.name}`);
  forget.addEventListener("click", async () => {
    await fetch(`/api/verdicts/${id}`, { method: "DELETE" });
    row.item.remove();
    announce("forgotten");
    chooser.focus();
  });
}

function take(files) {
  const most = Number(form.dataset.files), bytes = Number(form.dataset.bytes);
  [...files].forEach((file, number) => {
    const row = addRow(file);
    if (number >= most) {
      end(row, "refused", `More than ${most} files at once.`, true);
    } else if (file.size > bytes) {
      end(row, "refused", `Larger than ${bytes / 1e6} MB.`, true);
    } else {
      waiting.push(row);
    }
  });
  sendAll();
}

chooser.addEventListener("change", () => {
  take(chooser.files);
  chooser.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());
// A file that misses the frame would replace the page.
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    form.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && event.dataTransfer) take(event.dataTransfer.files);
  });
}
