
const state = document.querySelector("#state");

async function show(note) {
  try {
    const answer = await fetch("/me");
    if (answer.ok) {
      const me = await answer.json();
      state.textContent = `${me.node} says: you are ${me.username}. Visits so far: ${me.visits}.`;
    } else if (answer.status === 401) {
      state.textContent = "Not logged in: this node answers 401.";
    } else {
      state.textContent = `This node cannot tell who you are: it answers ${answer.status}.`;
    }
    state.className = answer.ok ? "in" : "out";
  } catch {
    state.textContent = "This node does not answer.";
    state.className = "out";
  }
  if (note) state.textContent += ` ${note}`;
}

async function post(path, body) {
  const headers = body ? { "content-type": "application/json" } : {};
  const answer = await fetch(path, { method: "POST", headers, body: body && JSON.stringify(body) });
  await show(answer.ok ? "" : `(${path} answered ${answer.status}.)`);
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
