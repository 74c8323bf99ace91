// Gives each code, link and command a button that copies it.
(() => {
  "use strict";

  // The page has the words in its own language.
  const words = document.currentScript.dataset;
  const SAID_MS = 3000;

  // Without HTTPS a browser has no clipboard for scripts, but still copies what is selected.
  const copySelected = (code) => {
    const selection = getSelection();
    selection.removeAllRanges();
    selection.selectAllChildren(code);
    return document.execCommand("copy");
  };

  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      return copySelected(code);
    }
  };

  const addButtons = () => {
    for (const code of document.querySelectorAll("code.copy:not([data-has-button])")) {
      code.dataset.hasButton = "";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet small copy-code";
      button.textContent = words.copy;
      button.addEventListener("click", async () => {
        if (!await copy(code)) return;
        button.textContent = words.copied;
        setTimeout(() => { button.textContent = words.copy; }, SAID_MS);
      });
      code.after(button);
    }
  };

  addButtons();
  // Parts of a live page come later.
  new MutationObserver(addButtons).observe(document.body, { childList: true, subtree: true });
})();
