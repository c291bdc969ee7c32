// Messages as page elements. Everything becomes a text node or one of a few elements made here;
// nothing a bot or a person wrote is ever read as HTML.
import { label, locale } from "./labels.js";

const ELEMENTS = {
  bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre",
  blockquote: "blockquote", expandable_blockquote: "blockquote", spoiler: "span",
};
const SIGNS = {
  file: "M7 3h7l5 5v12a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM14 3v5h5",
  place: "M12 21s7-6.3 7-11a7 7 0 1 0-14 0c0 4.7 7 11 7 11z" +
    "M12 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
};
const PHOTO_HEIGHT_PX = 320;
const SAFE = /^(https?|mailto|tel|tg):/i;

export function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Drawn, not typed: not every machine has a font with pictures.
function sign(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "sign");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.append(document.createElementNS(svg.namespaceURI, "path"));
  svg.firstChild.setAttribute("d", SIGNS[name]);
  return element("span", { className: "icon" }, svg);
}

// Offsets count UTF-16 units, as JavaScript's strings do.
export function formatted(text, entities, actions, from = 0, to = text.length) {
  const fragment = document.createDocumentFragment();
  let at = from;
  for (let i = 0; i < entities.length; i++) {
    const entity = entities[i];
    const end = Math.min(to, entity.offset + entity.length);
    if (entity.offset < at || entity.offset >= end) continue;
    fragment.append(text.slice(at, entity.offset));
    const inside = formatted(text, entities.slice(i + 1), actions, entity.offset, end);
    fragment.append(wrapped(entity, text.slice(entity.offset, end), inside, actions));
    at = end;
  }
  fragment.append(text.slice(at, to));
  return fragment;
}

function wrapped(entity, text, inside, actions) {
  switch (entity.type) {
    case "url": return link(text, inside, actions);
    case "text_link": return link(entity.url, inside, actions);
    case "bot_command": {
      const command = element("a", { href: "#" }, inside);
      command.addEventListener("click", (event) => { event.preventDefault(); actions.say(text); });
      return command;
    }
    case "spoiler": {
      const hidden = element("span", { className: "spoiler" }, element("span", {}, inside));
      hidden.addEventListener("click", () => hidden.classList.add("seen"));
      return hidden;
    }
    default: return element(ELEMENTS[entity.type] || "span", {}, inside);
  }
}

export function link(address, inside, actions) {
  if (!SAFE.test(address)) return element("span", {}, inside);
  const away = { target: "_blank", rel: "noreferrer noopener" };
  const node = element("a", { href: address, ...away }, inside);
  const code = actions.startCode(address);
  if (code !== null) {
    node.addEventListener("click", (event) => { event.preventDefault(); actions.start(code); });
  }
  return node;
}

export function summary(message) {
  const words = message.text || message.caption;
  if (message.photo) return words ? `${label("photo")}: ${words}` : label("photo");
  if (message.document) return message.document.file_name;
  if (message.location) return label("location");
  return words || "";
}

export function messageElement(message, actions) {
  const mine = !message.from.is_bot;
  const answer = element("button", { type: "button", className: "answer" }, "↩");
  answer.title = label("answer");
  answer.setAttribute("aria-label", label("answer"));
  answer.addEventListener("click", () => actions.reply(message));
  const properties = { className: mine ? "message mine" : "message", id: `m${message.message_id}` };
  return element("li", properties, bubble(message, actions), buttons(message, actions), answer);
}

function bubble(message, actions) {
  const above = message.show_caption_above_media;
  const words = textOf(message, actions);
  const media = mediaOf(message);
  return element("div", { className: "bubble" },
    quote(message.reply_to_message), ...(above ? [words, media] : [media, words]), time(message));
}

function quote(replied) {
  if (!replied) return null;
  const node = element("button", { type: "button", className: "quote" }, summary(replied));
  node.addEventListener("click", () => {
    const original = document.getElementById(`m${replied.message_id}`);
    original?.scrollIntoView({ block: "center", behavior: "smooth" });
  });
  return node;
}

function textOf(message, actions) {
  const text = message.text ?? message.caption;
  if (!text) return null;
  const entities = message.entities ?? message.caption_entities ?? [];
  return element("span", { className: "text" }, formatted(text, entities, actions));
}

function mediaOf(message) {
  if (message.photo) return photo(message.photo.at(-1));
  if (message.document) return documentOf(message.document);
  if (message.location) return spot(message.location);
  if (message.contact) return telephone(message.contact);
  return null;
}

function photo(size) {
  const address = `/local/files/${size.file_id}`;
  const scale = Math.min(1, PHOTO_HEIGHT_PX / size.height);
  const [width, height] = [Math.round(size.width * scale), Math.round(size.height * scale)];
  const image = element("img", { className: "photo", src: address, width, height });
  image.alt = label("photo");
  return element("a", { href: address, target: "_blank" }, image);
}

function documentOf(given) {
  const size = `${Math.max(1, Math.round(given.file_size / 1024))} KB`;
  const address = `/local/files/${given.file_id}`;
  return element("a", { className: "file", href: address, download: given.file_name },
    sign("file"),
    element("span", {}, element("b", {}, given.file_name), element("small", {}, size)));
}

function telephone(contact) {
  return element("div", { className: "spot" },
    element("span", {}, element("b", {}, label("contact")),
      element("small", {}, contact.phone_number)));
}

function spot(place) {
  return element("div", { className: "spot" }, sign("place"),
    element("span", {}, element("b", {}, label("location")),
      element("small", {}, `${place.latitude.toFixed(5)}, ${place.longitude.toFixed(5)}`)));
}

function time(message) {
  const at = new Date(message.date * 1000);
  const words = at.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
  const shown = message.edit_date ? `${label("edited")} ${words}` : words;
  return element("time", { className: "time", dateTime: at.toISOString() }, shown);
}

export function dayElement(message) {
  const day = new Date(message.date * 1000);
  const parts = { year: "numeric", month: "long", day: "numeric" };
  const words = day.toLocaleDateString(locale(), parts);
  return element("li", { className: "day" }, words);
}

function buttons(message, actions) {
  const rows = message.reply_markup?.inline_keyboard ?? [];
  if (!rows.length) return null;
  return element("div", { className: "buttons" },
    ...rows.map((row) => element("div", {}, ...row.map((one) => button(message, one, actions)))));
}

function button(message, given, actions) {
  if (given.url) return link(given.url, given.text, actions);
  const node = element("button", { type: "button", textContent: given.text });
  node.addEventListener("click", () => {
    if (given.copy_text) actions.copy(given.copy_text.text);
    else actions.tap(message, given.callback_data, node);
  });
  return node;
}

export function keyboardElement(keyboard, actions) {
  return (keyboard?.keyboard ?? []).map((row) => element("div", {}, ...row.map((given) => {
    const one = typeof given === "string" ? { text: given } : given;
    const node = element("button", { type: "button", textContent: one.text });
    const ask = one.request_location ? actions.place : one.request_contact && actions.contact;
    const act = ask || (() => actions.say(one.text));
    node.addEventListener("click", () => act());
    return node;
  })));
}
