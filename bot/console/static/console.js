// The console's pages work without this; here they stay current, and keys spare the mouse.
import { listen } from "./live.js";
import { listenToKeys } from "./keys.js";
import { helpWithReplies } from "./reply.js";
import { showWhereOneIs } from "./strips.js";
import { tellTimes } from "./times.js";

listen();
listenToKeys();
helpWithReplies();
tellTimes();
showWhereOneIs();
