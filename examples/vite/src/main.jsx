import React, { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Spam } from "./spam.jsx";

createRoot(document.getElementById("app")).render(
  <StrictMode>
    <Spam />
  </StrictMode>,
);
