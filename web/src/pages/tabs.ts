// The tabs of the page.
import { cart } from "../model/cart";
import { info } from "../model/store";

export interface Tab {
  title: string;
  page: string;
  args: (string | number)[];
  pages: string[];
}

export function tabs(): Tab[] {
  const m = info();
  const list: (Tab | false)[] = [
    { title: "Overview", page: "overview", args: [], pages: ["overview"] },
    { title: "Classes", page: "classes", args: [], pages: ["classes", "class"] },
    { title: "Features", page: "features", args: [], pages: ["features", "feature"] },
    m.classes.length > 1 && { title: "Confusion", page: "confusion", args: [], pages: ["confusion", "pair"] },
    { title: "Mistakes", page: "mistakes", args: [], pages: ["mistakes", "example"] },
    m.findings.length > 0 && { title: "Findings", page: "findings", args: [], pages: ["findings", "finding"] },
    { title: cart.value.length ? `Edit (${cart.value.length})` : "Edit", page: "edit", args: [], pages: ["edit"] },
    { title: "Compare", page: "compare", args: [], pages: ["compare"] },
    { title: "Provenance", page: "provenance", args: [], pages: ["provenance"] },
  ];
  return list.filter((t): t is Tab => !!t);
}
