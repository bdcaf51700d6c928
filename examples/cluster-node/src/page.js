
const state = document.querySelector("#state");

async function show(note) {
  try {
    const response = await fetch("/me");
    if (response.ok) {
      const me = await response.json();
      state.textContent = `${me.node} says: you are ${me.username}. Visits so far: ${me.visits}.`;
    } else if (response.status === 401) {
      state.textContent = "Not logged in: this node returns 401.";
    } else {
      state.textContent = `This node cannot load your session: it returns ${response.status}.`;
    }
    state.className = response.ok ? "in" : "out";
  } catch {
    state.textContent = "This node does not respond.";
    state.className = "out";
  }
  if (note) state.textContent += ` ${note}`;
}

async function post(path, body) {
  const headers = body ? { "content-type": "application/json" } : {};
  const response = await fetch(path, { method: "POST", headers, body: body && JSON.stringify(body) });
  await show(response.ok ? "" : `(${path} returned ${response.status}.)`);
}

document.querySelector("#login").addEventListener("submit", (event) => {
  event.preventDefault();
  post("/login", { username: event.target.username.value });
});
document.querySelector("#visit").addEventListener("click", () => post("/visits"));
document.querySelector("#logout").addEventListener("click", () => post("/logout"));

const others = document.body.dataset.others.split(" ").filter(Boolean);
if (location.hash === "#panel") {
  document.body.className = "panel";
} else if (others.length > 0) {
  const section = document.querySelector("#others");
  section.hidden = false;
  for (const port of others) {
    const frame = document.createElement("iframe");
    frame.title = `The node on port ${port}`;
    frame.src = `http://${location.hostname}:${port}/#panel`;
    section.append(frame);
  }
}

show();
setInterval(show, 1000, "");
