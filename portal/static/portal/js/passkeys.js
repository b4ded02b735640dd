// Says in words when a passkey was not used, instead of only in the browser's console.

const place = document.querySelector("[data-passkey-problem]");

document.addEventListener("allauth.error", (event) => {
  if (!place) return;
  event.preventDefault();
  const name = event.detail.exception?.name;
  const why = {
    NotAllowedError: "Nothing was chosen in time, or it was cancelled. Try again.",
    InvalidStateError: "This device is set up already.",
    SecurityError: "Passkeys need this portal’s own address, with https.",
  };
  place.textContent = why[name] ?? "The passkey could not be used. Try again, or choose another way.";
  place.hidden = false;
});
