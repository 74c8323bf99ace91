// Loads the page again for as long as it says that something is not ready yet. `data-again` gives
// the milliseconds.
(() => {
  "use strict";

  const waiting = document.querySelector("[data-again]");
  if (waiting) setTimeout(() => location.reload(), Number(waiting.dataset.again) || 1000);
})();
