// A booking page within the frame of the embed: it tells the page around how tall it is and what was booked.
const { namespace, failed, event } = JSON.parse(document.getElementById("embedded").textContent);

function tell(type, data = {}) {
  parent.postMessage({ originator: "CAL", type, namespace, fullType: `CAL:${namespace}:${type}`, data }, "*");
}

addEventListener("message", ({ source, data }) => {
  if (source !== parent || data.originator !== "CAL") return;
  if (data.method === "ui" && data.arg.theme) document.documentElement.className = `embedded ${data.arg.theme}`;
  if (data.method === "parentKnowsIframeReady") {
    if (failed) tell("linkFailed", { code: failed, msg: "Problem loading the link", data: { url: location.href } });
    else tell("linkReady");
  }
});

new ResizeObserver(() => {
  tell("__dimensionChanged", { iframeHeight: document.documentElement.offsetHeight, isFirstTime: false });
}).observe(document.documentElement);
tell("__iframeReady");
if (event) tell(event.type, event.data);
