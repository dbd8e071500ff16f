def show(words): pass
