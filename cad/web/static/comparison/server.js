// What the server holds of the job of this page.

export const api = `/api/v1/jobs/${document.body.dataset.job}`;

export async function asked(path) {
  const answer = await fetch(path);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const detail = typeof told.detail === "object" ? told.detail?.text : told.detail;
  throw new Error(told.text ?? detail ?? `The server answered ${answer.status}.`);
}

export const json = async (path) => (await asked(path)).json();
