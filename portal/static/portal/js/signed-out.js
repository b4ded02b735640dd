// Nobody is signed in: what the browser kept for the person who was goes. The next one may be somebody else.

for (const key of Object.keys(localStorage)) {
  if (key.startsWith("rodeo-session-")) localStorage.removeItem(key);
}
