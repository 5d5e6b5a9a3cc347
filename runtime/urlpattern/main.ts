// URLPattern, from urlpattern-polyfill. A part of its own, evaluated when a worker first names it.

import { URLPattern } from "urlpattern-polyfill/urlpattern";
import { brand } from "../web/brand";

brand(URLPattern, "URLPattern", ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"]);

export { URLPattern };
