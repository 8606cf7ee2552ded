// On a phone the navigation and the lists are strips wider than the screen: where one is, is brought into sight.
export function showWhereOneIs() {
  for (const current of document.querySelectorAll("nav [aria-current]")) {
    current.scrollIntoView({ inline: "center", block: "nearest", behavior: "instant" });
  }
}
