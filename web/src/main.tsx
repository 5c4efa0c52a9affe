import { render } from "preact";
import { App } from "./App";
import { start } from "./model/load";

start();
const root = document.getElementById("app")!;
root.replaceChildren();
render(<App />, root);
