// The page's own words, in two languages; what the bot writes is never translated here.
const LABELS = {
  zh: {
    persons: "人员", add: "添加", name: "姓名", id: "编号（数字）", personLanguage: "此人的语言",
    write: "写消息", send: "发送", cancel: "取消", picture: "发照片", place: "发位置",
    commands: "命令", latitude: "纬度", longitude: "经度", here: "使用我的位置", ok: "知道了",
    replyTo: "回复", pictureReady: "可在下方写说明，然后发送", newest: "到最新消息",
    offline: "连接中断，正在重试…", as: "以 {name} 的身份（编号 {id}）", choose: "请先选择或添加一个人",
    nothing: "还没有消息", start: "开始", unblock: "解除屏蔽", block: "屏蔽机器人", edited: "已编辑",
    photo: "照片", document: "文件", location: "位置", state_new: "未开始", state_open: "",
    state_blocked: "已屏蔽", nobody: "还没有人员。在下面添加一个。", answer: "回复这条消息",
    failed: "没有成功：{reason}", copied: "已复制", other: "English", person: "人员 {id}",
    noPosition: "无法取得位置", ownNumber: "分享您本人的手机号码", contact: "手机号码",
  },
  en: {
    persons: "People", add: "Add", name: "Name", id: "Number", personLanguage: "Their language",
    write: "Write a message", send: "Send", cancel: "Cancel", picture: "Send a picture",
    place: "Send a place", commands: "Commands", latitude: "Latitude", longitude: "Longitude",
    here: "Use my position", ok: "OK", replyTo: "Reply to",
    pictureReady: "Write a caption below if you like, then send", newest: "To the newest message",
    offline: "Connection lost, trying again…", as: "as {name} (number {id})",
    choose: "Choose or add a person first", nothing: "No messages yet", start: "Start",
    unblock: "Unblock", block: "Block the bot", edited: "edited", photo: "Photo",
    document: "File", location: "Place", state_new: "not started", state_open: "",
    state_blocked: "blocked", nobody: "Nobody yet. Add a person below.",
    answer: "Reply to this message", failed: "That did not work: {reason}", copied: "Copied",
    other: "中文", person: "Person {id}", noPosition: "The position is not available",
    ownNumber: "Share your own telephone", contact: "Telephone",
  },
};
const REMEMBERED = "localchat-language";

let language = initial();

function initial() {
  const wanted = new URLSearchParams(location.search).get("lang") ||
    localStorage.getItem(REMEMBERED) || navigator.language;
  return wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function label(name, values = {}) {
  return LABELS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function locale() {
  return language === "zh" ? "zh-CN" : "en-GB";
}

export function otherLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem(REMEMBERED, language);
  showLabels();
}

export function showLabels() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-label]")) {
    node.textContent = label(node.dataset.label);
  }
  for (const node of document.querySelectorAll("[data-placeholder]")) {
    node.placeholder = label(node.dataset.placeholder);
    node.setAttribute("aria-label", label(node.dataset.placeholder));
  }
  for (const node of document.querySelectorAll("[data-title]")) {
    node.title = label(node.dataset.title);
    node.setAttribute("aria-label", label(node.dataset.title));
  }
}
