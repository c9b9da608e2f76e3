// The ways to what is not needed at every sale: read when first opened, so that the first page is small.

export const openByName = async () => (await import("./by_name.js")).openByName();
export const openHelp = async () => (await import("./help.js")).openHelp();
export const openHistory = async () => (await import("./history.js")).openHistory();
export const openSettings = async () => (await import("./settings.js")).openSettings();
export const openStaff = async (words, then) => (await import("./staff.js")).openStaff(words, then);
export const chooseLanguage = async (language) => (await import("./settings.js")).chooseLanguage(language);
