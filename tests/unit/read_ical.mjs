// Reads calendar files with ical.js: a JSON array of texts on stdin, what it understood as JSON on stdout.
import ICAL from "ical.js";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);

const read = (text) => {
  const calendar = new ICAL.Component(ICAL.parse(text));
  const event = calendar.getFirstSubcomponent("vevent");
  const property = (name) => event.getFirstProperty(name);
  const value = (name) => event.getFirstPropertyValue(name);
  const instant = (name) => value(name).toJSDate().toISOString();
  return {
    method: calendar.getFirstPropertyValue("method"),
    events: calendar.getAllSubcomponents("vevent").length,
    uid: value("uid"),
    sequence: value("sequence"),
    dtstart: instant("dtstart"),
    dtend: instant("dtend"),
    dtstamp: instant("dtstamp"),
    zone: value("dtstart").zone.tzid,
    status: value("status"),
    summary: value("summary"),
    description: value("description"),
    location: value("location"),
    organizer: value("organizer"),
    organizer_name: property("organizer").getParameter("cn") ?? "",
    attendees: event.getAllProperties("attendee").map((each) => each.getFirstValue()),
    attendee_name: property("attendee").getParameter("cn") ?? "",
    partstat: property("attendee").getParameter("partstat"),
    rsvp: property("attendee").getParameter("rsvp"),
    conference: value("conference"),
    url: value("url"),
  };
};

process.stdout.write(JSON.stringify(JSON.parse(Buffer.concat(chunks)).map(read)));
