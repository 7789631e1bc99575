import { App } from "./app.ts";
import { language, t } from "./i18n/index.ts";
import { applyTheme } from "./ui/settings.ts";

declare global {
  interface Window {
    /** For tests, and nothing else. */
    promptsegStudio?: object;
  }
}

applyTheme();
document.documentElement.lang = language() === "zh" ? "zh-Hans" : language();

const root = document.getElementById("studio");
if (root !== null) {
  const app = new App(root);
  window.promptsegStudio = app.tested;
  app.start().catch((error: unknown) => {
    const told = document.createElement("p");
    told.setAttribute("role", "alert");
    told.className = "fatal";
    told.textContent = t("fatal", { why: error instanceof Error ? error.message : String(error) });
    root.append(told);
  });
}
