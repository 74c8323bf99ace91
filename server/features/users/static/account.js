// Lets a browser make passkeys and sign with them, and shows a password that is being chosen.
//
// What the browser answers goes into a hidden field of the form, which is then sent like any other.
(() => {
  "use strict";

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const listed = (found) => (found || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const make = async (options) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: listed(options.excludeCredentials),
      },
    });
    return {
      attestationObject: text(made.response.attestationObject),
      clientDataJSON: text(made.response.clientDataJSON),
      of: made,
    };
  };
  const sign = async (options) => {
    const made = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        allowCredentials: listed(options.allowCredentials),
      },
    });
    return {
      authenticatorData: text(made.response.authenticatorData),
      clientDataJSON: text(made.response.clientDataJSON),
      signature: text(made.response.signature),
      of: made,
    };
  };

  for (const part of document.querySelectorAll("[data-passkey]")) {
    if (!window.PublicKeyCredential) continue;
    part.hidden = false;
    const [button, field, problem] = ["button", "input", "[role=alert]"].map((one) => part.querySelector(one));
    const form = part.closest("form");
    button.addEventListener("click", async () => {
      const name = form.querySelector("[name=name]");
      if (name && !name.reportValidity()) return;
      problem.hidden = true;
      button.disabled = true;
      try {
        const options = JSON.parse(part.dataset.options);
        const { of, ...response } = await (part.dataset.passkey === "create" ? make : sign)(options);
        field.value = JSON.stringify({ id: of.id, rawId: text(of.rawId), type: of.type, response });
        form.submit();
      } catch {
        problem.hidden = false;
        button.disabled = false;
      }
    });
  }

  for (const field of document.querySelectorAll("input[data-show]")) {
    const [label, box] = ["label", "input"].map((one) => document.createElement(one));
    box.type = "checkbox";
    box.addEventListener("change", () => {
      for (const one of field.form.querySelectorAll("input[autocomplete=new-password]"))
        one.type = box.checked ? "text" : "password";
    });
    label.className = "check small";
    label.append(box, " ", field.dataset.show);
    field.after(label);
  }
})();
