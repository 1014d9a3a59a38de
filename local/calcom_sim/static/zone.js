// Shows the times in the visitor's own zone, unless the address already names one.
const address = new URL(location.href);
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const known = [...document.querySelectorAll("#choose option")].some((option) => option.value === own);
if (known && !address.searchParams.has("timeZone")) {
  address.searchParams.set("timeZone", own);
  location.replace(address);
}
