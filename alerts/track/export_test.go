package track

// Sweep looks at every alert once, as Run does each second.
var Sweep = (*Tracker).sweep
