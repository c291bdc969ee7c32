// The chat page: who one is, what is read, what is written.
import * as api from "./api.js";
import { label, otherLanguage, showLabels } from "./labels.js";
import { dayElement, element, keyboardElement, messageElement, summary } from "./render.js";

const WAIT_S = 25;
const RETRY_MS = 1500;
const TOAST_MS = 4000;
// A tap that gets no answer stops looking busy after as long as the provider would wait.
const TAP_MS = 15000;
const NEAR_PX = 120;

const $ = (id) => document.getElementById(id);
const state = {
  bot: null, persons: [], person: null, messages: new Map(), cursor: 0,
  keyboard: null, commands: [], reply: null, picture: null, taps: new Map(), reading: null,
  loaded: false,
};

const actions = {
  say, start, reply: replyTo, tap, copy, startCode, place: askPlace, contact: askContact,
};

// Persons

async function showPersons() {
  const known = await api.persons();
  state.bot = known.bot;
  state.persons = known.persons;
  const items = known.persons.map(personButton);
  $("persons").replaceChildren(...(items.length ? items : [element("p", {}, label("nobody"))]));
  // A free number is offered, so that adding a person is typing a name.
  $("add-id").value = Math.max(1000, ...known.persons.map((person) => person.id)) + 1;
  showHead();
}

function personButton(person) {
  const standing = [person.id, label(`state_${person.state}`)].filter(Boolean).join(" · ");
  const node = element("button", { type: "button" },
    element("div", { className: "avatar" }, [...person.name][0]),
    element("span", {}, person.name,
      element("small", {}, standing)));
  if (state.person?.id === person.id) node.setAttribute("aria-current", "true");
  node.addEventListener("click", () => choose(person));
  return node;
}

function choose(person) {
  Object.assign(state, { person, messages: new Map(), cursor: 0, loaded: false });
  Object.assign(state, { keyboard: null, commands: [] });
  state.taps.clear();
  replyTo(null);
  takePicture(null);
  choosing(false);
  const address = new URL(location.href);
  address.search = new URLSearchParams({ person: person.id });
  history.replaceState(null, "", address);
  showPersons().catch(report);
  showMessages(true);
  read().catch(report);
}

function choosing(wanted) {
  document.body.classList.toggle("choosing", wanted);
  $("shade").hidden = !wanted;
}

// Reading

async function read() {
  state.reading?.abort();
  const reading = state.reading = new AbortController();
  let wait_s = 0;
  while (!reading.signal.aborted) {
    try {
      const page = await api.messages(state.person.id, state.cursor, wait_s, reading.signal);
      if (reading.signal.aborted) return;
      take(page);
      wait_s = WAIT_S;
      $("offline").hidden = true;
    } catch (error) {
      if (reading.signal.aborted) return;
      $("offline").hidden = false;
      await new Promise((resume) => setTimeout(resume, RETRY_MS));
    }
  }
}

function take(page) {
  const first = !state.loaded;
  for (const message of page.messages) {
    if (message.deleted) state.messages.delete(message.message_id);
    else state.messages.set(message.message_id, message);
  }
  if (!first) page.answers.forEach(showAnswer);
  const { change: cursor, person, keyboard, commands } = page;
  Object.assign(state, { cursor, person, keyboard, commands, loaded: true });
  showHead();
  if (page.messages.length || first) showMessages(first);
}

function showAnswer(answer) {
  const node = state.taps.get(answer.callback_query_id);
  node?.classList.remove("waiting");
  state.taps.delete(answer.callback_query_id);
  if (!answer.text) return;
  if (!answer.show_alert) return toast(answer.text);
  $("alert-text").textContent = answer.text;
  if (!$("alert").open) $("alert").showModal();
}

function showMessages(jump) {
  const list = $("messages");
  const near = nearNewest();
  const known = new Set([...list.children].map((node) => node.id));
  const nodes = [];
  let day = "";
  for (const message of [...state.messages.values()].sort((a, b) => a.message_id - b.message_id)) {
    const node = messageElement(message, actions);
    if (!jump && !known.has(node.id)) node.classList.add("new");
    const date = new Date(message.date * 1000).toDateString();
    if (date !== day) nodes.push(dayElement(message));
    day = date;
    nodes.push(node);
  }
  const words = state.person && !state.loaded ? "" : label(state.person ? "nothing" : "choose");
  const empty = element("li", { className: "empty" }, words);
  list.replaceChildren(...(nodes.length ? nodes : [empty]));
  if (jump || near) toNewest();
}

// The composer grows and shrinks: who was at the newest message stays there.
function stayAtNewest() {
  let near = true;
  $("messages").addEventListener("scroll", () => { near = nearNewest(); });
  new ResizeObserver(() => { if (near) toNewest(); }).observe($("messages"));
}

function nearNewest() {
  const list = $("messages");
  return list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX;
}

function toNewest() {
  $("messages").scrollTop = $("messages").scrollHeight;
}

function showHead() {
  const person = state.person;
  $("bot").textContent = state.bot?.first_name ?? "";
  document.title = person ? `${person.name} · ${$("bot").textContent}` : $("bot").textContent;
  $("as").textContent = person ? label("as", person) : label("choose");
  $("language").textContent = label("other");
  $("composer").hidden = person?.state !== "open";
  $("start").hidden = !person || person.state === "open";
  $("start").textContent = label(person?.state === "blocked" ? "unblock" : "start");
  $("block").hidden = person?.state !== "open";
  $("block").textContent = label("block");
  $("keyboard").replaceChildren(...keyboardElement(state.keyboard, actions));
  $("keyboard").hidden = !state.keyboard?.keyboard;
  $("commands-toggle").hidden = !state.commands.length;
  $("text").placeholder = state.keyboard?.input_field_placeholder || label("write");
  const asked = state.keyboard?.force_reply && state.messages.get(state.keyboard.message_id);
  if (asked && !state.reply) replyTo(asked);
}

// Writing

async function attempt(doing) {
  try {
    return await doing();
  } catch (error) {
    report(error);
    return null;
  }
}

function report(error) {
  toast(label("failed", { reason: error.message }));
}

async function say(text) {
  const reply = state.reply?.message_id;
  const sent = await attempt(() => api.send(state.person.id, text, reply));
  if (sent) afterSending();
  return sent;
}

function start(code) {
  return say(code ? `/start ${code}` : "/start");
}

async function submit() {
  const text = $("text").value.trim();
  const reply = state.reply?.message_id;
  if (state.picture) {
    const sent = await attempt(() => api.picture(state.person.id, state.picture, text, reply));
    if (!sent) return;
    takePicture(null);
    afterSending();
  } else if (!text || !(await say(text))) {
    return;
  }
  $("text").value = "";
  grow();
}

function afterSending() {
  replyTo(null);
  toNewest();
  showPersons().catch(report);
  if (state.person.state !== "open") read().catch(report);
}

async function tap(message, callback_data, node) {
  node.classList.add("waiting");
  setTimeout(() => node.classList.remove("waiting"), TAP_MS);
  const asked = await attempt(() => api.tap(state.person.id, message.message_id, callback_data));
  if (asked) state.taps.set(asked.callback_query_id, node);
  else node.classList.remove("waiting");
}

function replyTo(message) {
  state.reply = message;
  $("reply").hidden = !message;
  if (!message) return;
  $("reply-text").textContent = summary(message);
  $("text").focus();
}

function takePicture(file) {
  if ($("picture-shown").src) URL.revokeObjectURL($("picture-shown").src);
  state.picture = file;
  $("picture").hidden = !file;
  $("picture-shown").src = file ? URL.createObjectURL(file) : "";
  if (!file) $("file").value = "";
}

function askPlace() {
  $("place").showModal();
}

async function sendPlace() {
  const [latitude, longitude] = [Number($("latitude").value), Number($("longitude").value)];
  const reply = state.reply?.message_id;
  if (await attempt(() => api.place(state.person.id, latitude, longitude, reply))) afterSending();
}

async function askContact() {
  const number = window.prompt(label("ownNumber"));
  if (!number) return;
  if (await attempt(() => api.contact(state.person.id, number))) afterSending();
}

function usePosition() {
  if (!navigator.geolocation) return toast(label("noPosition"));
  navigator.geolocation.getCurrentPosition(({ coords }) => {
    $("latitude").value = coords.latitude.toFixed(6);
    $("longitude").value = coords.longitude.toFixed(6);
  }, () => toast(label("noPosition")));
}

async function copy(text) {
  const copied = await attempt(() => navigator.clipboard.writeText(text).then(() => true));
  if (copied) toast(label("copied"));
}

function startCode(address) {
  const { host, pathname, searchParams } = new URL(address);
  const ours = host === "t.me" && pathname === `/${state.bot?.username}`;
  return ours ? searchParams.get("start") ?? "" : null;
}

function showCommands(wanted) {
  $("commands").hidden = !wanted;
  $("commands").replaceChildren(...state.commands.map(({ command, description }) => {
    const node = element("button", { type: "button" },
      element("b", {}, `/${command}`), element("span", {}, description));
    node.addEventListener("click", () => { showCommands(false); say(`/${command}`); });
    return node;
  }));
}

let toastTimer = 0;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").hidden = true; }, TOAST_MS);
}

function grow() {
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight + 2}px`;
}

// Wiring

function on(id, event, act) {
  $(id).addEventListener(event, act);
}

function wire() {
  on("menu", "click", () => choosing(true));
  on("shade", "click", () => choosing(false));
  on("language", "click", () => {
    otherLanguage();
    showPersons().catch(report);
    showMessages(false);
  });
  on("add", "submit", async (event) => {
    event.preventDefault();
    const given = [Number($("add-id").value), $("add-name").value, $("add-language").value];
    const person = await attempt(() => api.register(...given));
    if (!person) return;
    $("add-name").value = "";
    choose(person);
  });
  on("write", "submit", (event) => { event.preventDefault(); submit(); });
  on("text", "keydown", (event) => {
    // Enter also confirms a pinyin candidate: that one must not send.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  on("text", "input", grow);
  on("attach", "click", () => $("file").click());
  on("file", "change", () => takePicture($("file").files[0] ?? null));
  on("picture-cancel", "click", () => takePicture(null));
  on("reply-cancel", "click", () => replyTo(null));
  on("locate", "click", askPlace);
  on("here", "click", usePosition);
  on("place-cancel", "click", () => $("place").close());
  on("place-form", "submit", sendPlace);
  on("commands-toggle", "click", () => showCommands($("commands").hidden));
  on("start", "click", () => start(""));
  on("block", "click", async () => {
    const blocked = await attempt(() => api.block(state.person.id, true));
    if (blocked) choose(blocked);
  });
  on("down", "click", toNewest);
  on("messages", "scroll", () => { $("down").hidden = nearNewest(); });
  stayAtNewest();
}

async function open() {
  const query = new URLSearchParams(location.search);
  wire();
  showLabels();
  await showPersons();
  const id = Number(query.get("person"));
  if (!id) return showMessages(true);
  const known = state.persons.find((person) => person.id === id);
  const name = query.get("name") || label("person", { id });
  choose(known ?? await api.register(id, name, query.get("language") || "zh"));
  // choose() has taken the code out of the address: a reload must not press Start again.
  if (query.has("start")) await start(query.get("start"));
}

open().catch(report);
