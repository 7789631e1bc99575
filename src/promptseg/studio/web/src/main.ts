import { t } from "./i18n/index.ts";

const main = document.getElementById("studio");
if (main !== null) main.textContent = t("save.saved");
