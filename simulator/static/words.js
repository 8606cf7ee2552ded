// Every word of the page, in both languages, and the choice between them.

const WORDS = {
  fr: {
    skip: "Aller aux conversations",
    simulator: "simulateur",
    tagline: (brand) => `Écrivez à ${brand} comme le ferait un client : les réponses et les tickets arrivent ici.`,
    title: (brand) => `Parvis · simulateur · ${brand}`,
    live: "En direct",
    reconnecting: "Reconnexion…",
    languages: "Langue de la page",
    tabs: "Parties de la page",
    mailbox: "Messagerie de l’équipe",
    mailboxShort: "E-mails",
    newCustomer: "Nouveau client",
    newCustomerHint: (name) => `Client actuel : ${name}. Recommencer avec un autre client.`,
    customer: (name) => name,
    assistant: "Service client",
    repliesFast: "Répond aussitôt",
    conversation: (channel) => `Conversation ${channel}`,
    write: { messenger: "Aa", x: "Écrire un message" },
    writeLabel: (channel) => `Votre message sur ${channel}`,
    send: "Envoyer",
    photo: "Envoyer une photo",
    like: "Envoyer un pouce",
    tryThese: "Essayez",
    emptyMessenger: "Votre conversation avec la marque commence ici.",
    emptyX: "C’est le début de vos messages privés avec la marque.",
    typing: "La marque écrit…",
    pending: "En attente de la passerelle…",
    delivered: "Distribué",
    seen: "Vu",
    failed: "Non distribué",
    unsent: "Aucun webhook abonné",
    person: "Une personne a répondu",
    photoSent: "Photo",
    likeSent: "Pouce levé",
    fileSent: "Pièce jointe",
    brandSays: "La marque",
    youSay: "Vous",
    suggestions: "Réponses proposées",
    offline: "Le simulateur ne répond pas. Votre message n’est pas parti.",
    noMail: "Aucun e-mail pour l’instant",
    noMailHint: "Quand une demande est privée ou délicate, l’équipe reçoit ici son ticket.",
    noMailOpen: "Choisissez un e-mail à lire.",
    emptyMailbox: "Vider",
    mails: "E-mails reçus",
    unread: "non lu",
    from: "De",
    to: "À",
    formatted: "Mis en forme",
    plain: "Texte",
    headers: "En-têtes",
    views: "Présentations de l’e-mail",
    noHtml: "Cet e-mail n’a pas de version mise en forme.",
    noText: "Cet e-mail n’a pas de version texte.",
    back: "Retour à la liste",
    call: (number) => `Appeler ${number}`,
    mailTo: (address) => `Écrire à ${address}`,
    contact: "Coordonnées dans l’e-mail",
    starters: {
      messenger: ["vous ouvrez à quelle heure à Lyon ?", "Bonjour !", "Quels sont les délais de livraison ?", "Je voudrais parler à quelqu’un", "Do you ship to Belgium?"],
      x: ["where is my order??", "Mon colis est arrivé cassé, c’est inadmissible", "Are you a robot?", "Comment faire un retour ?"],
    },
  },
  en: {
    skip: "Go to the conversations",
    simulator: "simulator",
    tagline: (brand) => `Write to ${brand} as a customer would: answers and tickets arrive here.`,
    title: (brand) => `Parvis · simulator · ${brand}`,
    live: "Live",
    reconnecting: "Reconnecting…",
    languages: "Language of the page",
    tabs: "Parts of the page",
    mailbox: "The team’s mailbox",
    mailboxShort: "Mail",
    newCustomer: "New customer",
    newCustomerHint: (name) => `Current customer: ${name}. Start again as somebody else.`,
    customer: (name) => name,
    assistant: "Customer service",
    repliesFast: "Replies instantly",
    conversation: (channel) => `${channel} conversation`,
    write: { messenger: "Aa", x: "Start a new message" },
    writeLabel: (channel) => `Your message on ${channel}`,
    send: "Send",
    photo: "Send a photo",
    like: "Send a thumbs-up",
    tryThese: "Try",
    emptyMessenger: "Your conversation with the brand starts here.",
    emptyX: "This is the beginning of your direct messages with the brand.",
    typing: "The brand is typing…",
    pending: "Waiting for the gateway…",
    delivered: "Delivered",
    seen: "Seen",
    failed: "Not delivered",
    unsent: "No webhook is subscribed",
    person: "A person answered",
    photoSent: "Photo",
    likeSent: "Thumbs-up",
    fileSent: "Attachment",
    brandSays: "The brand",
    youSay: "You",
    suggestions: "Suggested replies",
    offline: "The simulator does not answer. Your message was not sent.",
    noMail: "No mail yet",
    noMailHint: "When a request is private or delicate, the team gets its ticket here.",
    noMailOpen: "Choose a mail to read.",
    emptyMailbox: "Empty",
    mails: "Received mail",
    unread: "unread",
    from: "From",
    to: "To",
    formatted: "Formatted",
    plain: "Text",
    headers: "Headers",
    views: "Ways to show the mail",
    noHtml: "This mail has no formatted version.",
    noText: "This mail has no text version.",
    back: "Back to the list",
    call: (number) => `Call ${number}`,
    mailTo: (address) => `Write to ${address}`,
    contact: "Contact details in the mail",
    starters: {
      messenger: ["vous ouvrez à quelle heure à Lyon ?", "Hello!", "Do you ship to Belgium?", "I’d like to talk to someone", "Quels sont les délais de livraison ?"],
      x: ["where is my order??", "My parcel arrived broken, this is unacceptable", "Are you a robot?", "Comment faire un retour ?"],
    },
  },
};

const LOCALES = { fr: "fr-FR", en: "en-GB" };
export const LANGUAGES = { fr: "Français", en: "English" };
const STORED = "parvis.language";
let language = chosen();

function chosen() {
  const stored = localStorage.getItem(STORED);
  if (stored in WORDS) return stored;
  return navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";
}

export function currentLanguage() {
  return language;
}

export function chooseLanguage(code) {
  language = code;
  localStorage.setItem(STORED, code);
}

/** The words of the current language: `words().send`. */
export function words() {
  return WORDS[language];
}

export function clock(seconds) {
  return new Intl.DateTimeFormat(LOCALES[language], { hour: "2-digit", minute: "2-digit" }).format(new Date(seconds * 1000));
}

export function dayAndClock(seconds) {
  const form = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(LOCALES[language], form).format(new Date(seconds * 1000));
}
