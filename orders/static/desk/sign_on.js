// A browser that is back from the sign-in service sends itself on, by POST.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("form[data-go-on]")?.requestSubmit();
});
