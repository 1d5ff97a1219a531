// biome-ignore lint/correctness/noUnusedImports: Vite 6 and 7 compile JSX to calls of it
import React, { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Spam } from "./spam.jsx";

createRoot(document.getElementById("app")).render(
  <StrictMode>
    <Spam />
  </StrictMode>,
);
