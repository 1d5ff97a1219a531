/**
 * Rows to try the page with: messages to a shop, written for this purpose.
 */
export const SAMPLE = `text,label
Where is my parcel? It was due on Monday.,delivery
The tracking page has not moved for four days.,delivery
My order says delivered but nothing is at the door.,delivery
Can you ship to Norway and how long does it take?,delivery
The courier left the box in the rain.,delivery
I need the package before Friday, is that possible?,delivery
Has my order left the warehouse yet?,delivery
The driver rang the wrong bell and drove off again.,delivery
Please change the shipping address to my office.,delivery
Half of the order arrived, when does the rest come?,delivery
I would like my money back for the broken lamp.,refund
How do I return the shoes? They are too small.,refund
You charged my card twice for the same order.,refund
When will the refund reach my bank account?,refund
The jacket has a hole, please refund me.,refund
I sent the item back two weeks ago and got no money.,refund
Cancel my order and return the payment please.,refund
Is the return label free or is it taken off my refund?,refund
The price fell a day after I paid, can I get the difference?,refund
I want to give the headphones back within the thirty days.,refund
Thank you, the scarf is even softer than I had hoped.,praise
Wonderful service, I will order here again.,praise
The chair looks lovely in our kitchen.,praise
Your support was kind and quick, thanks a lot.,praise
Best coffee beans I have had in years.,praise
My daughter adores the puzzle, great idea.,praise
Everything came well packed, very happy.,praise
Such a pleasant shop, I told all my friends.,praise
The wooden toys are beautifully made.,praise
Five stars, exactly as in the picture.,praise
`.replace(
  /^(.*),(delivery|refund|praise)$/gm,
  (_, text: string, label: string) => `"${text}",${label}`,
);
