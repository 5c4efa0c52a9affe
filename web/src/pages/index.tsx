// Which address shows which page.
import type { ComponentChild } from "preact";
import type { Route } from "../model/route";
import { Classes } from "./Classes";
import { ClassPage } from "./ClassPage";
import { Compare } from "./Compare";
import { Confusion } from "./Confusion";
import { EditPage } from "./Edit";
import { ExamplePage } from "./ExamplePage";
import { FeaturePage } from "./FeaturePage";
import { Features } from "./Features";
import { FindingPage, Findings } from "./FindingPage";
import { Mistakes } from "./Mistakes";
import { Overview } from "./Overview";
import { PairPage } from "./PairPage";
import { Provenance } from "./Provenance";

const PAGES: Record<string, (route: Route) => ComponentChild> = {
  overview: () => <Overview />,
  classes: () => <Classes />,
  class: ({ args }) => <ClassPage key={args[0]} c={Number(args[0])} />,
  features: () => <Features />,
  feature: ({ args }) => <FeaturePage key={args[0]} id={Number(args[0])} />,
  confusion: () => <Confusion />,
  pair: ({ args }) => <PairPage key={args.join()} a={Number(args[0])} b={Number(args[1])} />,
  mistakes: () => <Mistakes />,
  example: ({ args }) => <ExamplePage key={args[0]} i={Number(args[0])} />,
  findings: () => <Findings />,
  finding: ({ args }) => <FindingPage key={args[0]} index={Number(args[0])} />,
  edit: () => <EditPage />,
  compare: () => <Compare />,
  provenance: () => <Provenance />,
};

export function pageOf(route: Route): ComponentChild {
  const page = Object.hasOwn(PAGES, route.page) ? PAGES[route.page] : undefined;
  return page ? page(route) : <h1>There is no such page</h1>;
}
