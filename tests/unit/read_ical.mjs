// Reads calendar files with ical.js: a JSON array of texts on stdin, what it understood as JSON on stdout.
// Of each file: what the calendar says, the fields of its first event beside that, and those of every event in `entries`.
import ICAL from "ical.js";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);

const read = (text) => {
  const calendar = new ICAL.Component(ICAL.parse(text));
  const entries = calendar.getAllSubcomponents("vevent").map(readEvent);
  return {
    ...entries[0],
    method: calendar.getFirstPropertyValue("method"),
    name: calendar.getFirstPropertyValue("name"),
    refresh: calendar.getFirstPropertyValue("refresh-interval")?.toSeconds() ?? null,
    events: entries.length,
    entries,
  };
};

const readEvent = (event) => {
  const property = (name) => event.getFirstProperty(name);
  const value = (name) => event.getFirstPropertyValue(name);
  const instant = (name) => value(name)?.toJSDate().toISOString() ?? null;
  return {
    uid: value("uid"),
    sequence: value("sequence"),
    dtstart: instant("dtstart"),
    dtend: instant("dtend"),
    dtstamp: instant("dtstamp"),
    zone: value("dtstart").zone.tzid,
    last_modified: instant("last-modified"),
    status: value("status"),
    transp: value("transp"),
    summary: value("summary"),
    description: value("description"),
    location: value("location"),
    organizer: value("organizer"),
    organizer_name: property("organizer")?.getParameter("cn") ?? "",
    attendees: event.getAllProperties("attendee").map((each) => each.getFirstValue()),
    attendee_name: property("attendee")?.getParameter("cn") ?? "",
    partstat: property("attendee")?.getParameter("partstat") ?? null,
    rsvp: property("attendee")?.getParameter("rsvp") ?? null,
    conference: value("conference"),
    url: value("url"),
    contact: value("contact"),
  };
};

process.stdout.write(JSON.stringify(JSON.parse(Buffer.concat(chunks)).map(read)));
