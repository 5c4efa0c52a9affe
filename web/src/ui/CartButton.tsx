// Put the removal of a feature in the cart, for one class or for all.
import { inCart, toggleRemoval } from "../model/cart";
import { exactRemoval } from "../pages/Edit";
import { nameOf } from "../model/store";

export function CartButton({ feature, c = null }: { feature: number; c?: number | null }) {
  const on = inCart(feature, c);
  const exact = c === null ? exactRemoval(feature) : "";
  return (
    <span class="cart-button">
      <button class="quiet" aria-pressed={on} onClick={() => toggleRemoval(feature, c)}>
        {on ? "In the cart" : c === null ? "Remove from all classes" : "Remove here"}
        <span class="unseen">: {nameOf(feature)}</span>
      </button>
      {exact && <small>alone: {exact}</small>}
    </span>
  );
}
