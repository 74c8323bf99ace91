// Another encryption brings its usual port, unless the port is one of the user's own.
(() => {
  "use strict";

  const usual = { starttls: "587", tls: "465", none: "25" };
  const security = document.getElementById("security");
  const port = document.getElementById("port");
  security.addEventListener("change", () => {
    if (Object.values(usual).includes(port.value.trim())) port.value = usual[security.value];
  });
})();
