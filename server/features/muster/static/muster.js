// Opens the browser's print dialogue.
document.getElementById("print")?.addEventListener("click", () => window.print());
