// Takes a photo by webcam, and puts it into the form's own file field. Nothing is sent before the form.
(() => {
  "use strict";

  const SIDE_PX = 1200;

  for (const place of document.querySelectorAll("[data-camera]")) {
    const [video, canvas] = [place.querySelector("video"), place.querySelector("canvas")];
    const [start, shoot] = [place.querySelector("[data-start]"), place.querySelector("[data-shoot]")];
    const says = place.querySelector("[data-says]");
    const field = place.querySelector("input[type=file]");
    let stream = null;

    const close = () => {
      stream?.getTracks().forEach((track) => track.stop());
      stream = null;
      video.hidden = true;
      shoot.hidden = true;
      start.hidden = false;
    };

    start.addEventListener("click", async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } }, audio: false });
      } catch {
        says.textContent = says.dataset.refused;
        return field.focus();
      }
      video.srcObject = stream;
      await video.play();
      video.hidden = false;
      canvas.hidden = true;
      start.hidden = true;
      shoot.hidden = false;
      says.textContent = "";
      shoot.focus();
    });

    shoot.addEventListener("click", () => {
      const scale = Math.min(1, SIDE_PX / Math.max(video.videoWidth, video.videoHeight));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => {
        const files = new DataTransfer();
        files.items.add(new File([blob], "photo.jpg", { type: "image/jpeg" }));
        field.files = files.files;
        canvas.hidden = false;
        says.textContent = says.dataset.taken;
        close();
        (place.closest("form").querySelector("button.big") ?? start).focus();
      }, "image/jpeg", 0.9);
    });

    addEventListener("pagehide", close);
  }
})();
