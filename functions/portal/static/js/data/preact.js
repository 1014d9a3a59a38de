// Preact and htm, from the one file they come in.

export {
  createContext, html, render, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "../../vendor/preact.js";
