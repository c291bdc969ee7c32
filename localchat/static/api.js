// The persons' JSON API.
export class Refused extends Error {}

async function answered(promise) {
  const answer = await promise;
  const body = await answer.json().catch(() => ({ error: answer.statusText }));
  if (!answer.ok) throw new Refused(body.error);
  return body;
}

function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return answered(fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

const at = (person, what) => `/local/persons/${person}/${what}`;

export const persons = () => answered(fetch("/local/persons"));
export const register = (id, name, language_code) =>
  post("/local/persons", { id, name, language_code });
export const send = (person, text, reply) =>
  post(at(person, "send"), { text, reply_to_message_id: reply });
export const tap = (person, message_id, callback_data) =>
  post(at(person, "tap"), { message_id, callback_data });
export const place = (person, latitude, longitude, reply) =>
  post(at(person, "location"), { latitude, longitude, reply_to_message_id: reply });
export const contact = (person, phone_number) => post(at(person, "contact"), { phone_number });
export const block = (person, wanted) => post(at(person, wanted ? "block" : "unblock"), {});

export function picture(person, file, caption, reply) {
  const form = new FormData();
  form.append("photo", file);
  if (caption) form.append("caption", caption);
  if (reply) form.append("reply_to_message_id", reply);
  return answered(fetch(at(person, "photo"), { method: "POST", body: form }));
}

export function messages(person, after, wait_s, signal) {
  return answered(fetch(at(person, `messages?after=${after}&wait_s=${wait_s}`), { signal }));
}
