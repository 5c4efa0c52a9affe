// Which address shows which page, and which tabs there are.
import type { ComponentChild } from "preact";
import type { Route } from "../model/route";
import { Classes } from "./Classes";
import { ClassPage } from "./ClassPage";
import { FeaturePage } from "./FeaturePage";
import { FindingPage } from "./FindingPage";
import { Overview } from "./Overview";
import { Provenance } from "./Provenance";

interface Tab {
  title: string;
  page: string;
  args: (string | number)[];
  pages: string[];
}

export function tabs(): Tab[] {
  return [
    { title: "Overview", page: "overview", args: [], pages: ["overview"] },
    { title: "Classes", page: "classes", args: [], pages: ["classes", "class"] },
    { title: "Provenance", page: "provenance", args: [], pages: ["provenance"] },
  ];
}

const PAGES: Record<string, (route: Route) => ComponentChild> = {
  overview: () => <Overview />,
  classes: () => <Classes />,
  class: ({ args }) => <ClassPage key={args[0]} c={Number(args[0])} />,
  feature: ({ args }) => <FeaturePage key={args[0]} id={Number(args[0])} />,
  finding: ({ args }) => <FindingPage key={args[0]} index={Number(args[0])} />,
  provenance: () => <Provenance />,
};

export function pageOf(route: Route): ComponentChild {
  const page = Object.hasOwn(PAGES, route.page) ? PAGES[route.page] : undefined;
  return page ? page(route) : <h1>There is no such page</h1>;
}
