// The token stands behind the # of the address, so that it reaches neither a log nor another site;
// it is taken out of there at once, so that it does not stay in the history either.
const token = decodeURIComponent(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

const form = document.getElementById("form");
const password = document.getElementById("password");
const answer = document.getElementById("answer");

document.getElementById("show").addEventListener("change", (event) => {
  password.type = event.target.checked ? "text" : "password";
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  say(["One moment."]);
  try {
    const response = await fetch("api/v1/password/reset", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, new_password: password.value }),
    });
    const said = await response.json();
    if (response.ok) {
      form.remove();
      say([`The password of ${said.username} is set. You can log in with it now.`]);
    } else if (said.violations?.length) {
      say(said.violations.map((violation) => `The password ${violation.message}.`));
    } else {
      say([said.detail ?? said.title]);
    }
  } catch {
    say(["The server could not be reached. Nothing was changed; try again."]);
  }
});

if (!token) {
  form.remove();
  say(["There is no token in this link. Open the whole link from the mail."]);
}

function say(lines) {
  answer.replaceChildren(
    ...lines.map((line) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = line;
      return paragraph;
    }),
  );
}
