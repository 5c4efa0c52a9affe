import { render } from "preact";
import { App } from "./App";
import { score } from "./model/engine";
import { headIndex } from "./model/store";

declare global {
  interface Window {
    /** For scripts and tests: the predicted class of every shipped example under the head shown. */
    clearheadPage?: { predictions: () => Promise<number[]> };
  }
}

window.clearheadPage = {
  predictions: async () => Array.from((await score(`head-${headIndex.value}`)).predicted),
};
const root = document.getElementById("app")!;
// In a task of its own: reading the script and drawing the first page together would hold the browser up.
setTimeout(() => {
  root.replaceChildren();
  render(<App />, root);
});
