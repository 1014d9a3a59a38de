// Cal.com's embed as pages use it: the calls that their snippet has queued, an inline frame, and events from that frame.
(() => {
  const cal = window.Cal;
  if (!cal?.q) throw new Error("Cal is not defined. This shouldn't happen");
  const own = new URL(document.currentScript.src).origin;
  const embeds = {};

  class Embed {
    constructor(namespace, queue) {
      embeds[namespace] = this;
      this.namespace = namespace;
      this.origin = own;
      this.waiting = []; // calls for a frame that is not ready
      for (const call of queue.splice(0)) this.run(call);
      queue.push = (call) => this.run(call);
    }

    run(call) {
      const [method, ...words] = call;
      try {
        if (["init", "initNamespace", "inline", "ui", "on"].includes(method)) this[method](...words);
        else console.log(`Instruction ${method} not FOUND`);
      } catch (error) {
        console.log("Instruction couldn't be executed", error);
      }
    }

    init(namespace, config = namespace) {
      this.origin = config?.origin ?? this.origin;
    }

    initNamespace(namespace) {
      embeds[namespace] ??= new Embed(namespace, cal.ns[namespace].q);
    }

    on({ action, callback }) {
      addEventListener(`CAL:${this.namespace}:${action}`, callback);
    }

    ui(arg) {
      this.send({ method: "ui", arg });
    }

    inline({ calLink, elementOrSelector, config = {} }) {
      const box = typeof elementOrSelector === "string" ? document.querySelector(elementOrSelector) : elementOrSelector;
      if (!box) throw new Error("Element not found");
      const address = new URL(`${this.origin}/${calLink}/embed`);
      address.searchParams.set("embed", this.namespace);
      for (const [key, value] of Object.entries(config)) {
        for (const one of [value].flat()) address.searchParams.append(key, one);
      }
      this.frame = Object.assign(document.createElement("iframe"), { title: "Book a call", src: address.href });
      Object.assign(this.frame.style, { border: "0", width: "100%", height: "100%", visibility: "hidden" });
      box.append(this.frame);
    }

    send(message) {
      if (this.ready) this.frame.contentWindow.postMessage({ originator: "CAL", ...message }, "*");
      else this.waiting.push(message);
    }

    heard(type, data) {
      if (type === "__dimensionChanged") this.frame.style.height = `${data.iframeHeight}px`;
      if (type === "__iframeReady") {
        this.ready = true;
        this.frame.style.visibility = "";
        this.send({ method: "parentKnowsIframeReady" });
        for (const message of this.waiting.splice(0)) this.send(message);
      }
      for (const name of [type, "*"]) {
        const detail = { type, namespace: this.namespace, data };
        dispatchEvent(new CustomEvent(`CAL:${this.namespace}:${name}`, { detail }));
      }
    }
  }

  cal.instance = new Embed("", cal.q);
  for (const [namespace, api] of Object.entries(cal.ns)) embeds[namespace] ??= new Embed(namespace, api.q);

  addEventListener("message", ({ source, data }) => {
    const [, namespace, type] = /^CAL:([^:]*):(.+)$/.exec(data?.fullType ?? "") ?? [];
    const embed = embeds[namespace];
    if (embed?.frame && source === embed.frame.contentWindow) embed.heard(type, data.data);
  });
})();
