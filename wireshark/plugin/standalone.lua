if not Proto then return { engine = engine, catalog = catalog } end
