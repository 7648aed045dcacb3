"""One module per figure, each with `draw`; `style` has fonts, colours, axes and files."""
