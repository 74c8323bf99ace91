// The page of a Linux kiosk.

import * as kiosk from "../shared/kiosk.js";
import { start } from "./screen.js";

start(kiosk);
