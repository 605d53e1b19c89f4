package render

// Resolved returns the options as files are written with them: defaults in place of what is not decided, and the
// delimiter that the format implies. The second result reports whether the dialect matters: the format is delimited text.
func (o Options) Resolved() (Options, bool) {
	o = o.withDefaults()
	if o.delimited() {
		o.Delimiter = o.delimiterOf()
	}
	return o, o.delimited()
}
